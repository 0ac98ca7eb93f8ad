import torch

from tinycircuits.results.runs import load


def _ranked():
    """All inputs, those first on which most rows of the first layer look elsewhere than on average."""
    run = load("reversal-4d-2l")
    task = run.study.task
    sequences = task.sequences()
    with torch.no_grad():
        pattern = run.model.run_with_cache(task.inputs(sequences))[1]["pattern", 0][:, 0]
    rows = pattern[:, [4, 5, 6, 7]]
    moved = (rows.argmax(-1) != rows.mean(0).argmax(-1)).sum(-1)
    return ["".join(map(str, sequences[at, 1:5].tolist())) for at in moved.argsort(descending=True, stable=True)]


def right_searched():
    return _ranked()[0]


def right_by_trying():
    return "3130"


def wrong_two_rows():
    return "0230"


def wrong_one_row():
    return "0000"


def wrong_as_on_average():
    return _ranked()[-1]


def wrong_next_to_it():
    return "2130"


def wrong_read_backwards():
    return "0310"


def wrong_a_number():
    return 130


def wrong_too_long():
    return "31300"


def wrong_no_digit():
    return "4130"


def wrong_list():
    return ["3", "1", "3", "0"]
