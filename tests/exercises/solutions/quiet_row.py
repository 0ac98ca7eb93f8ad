from tinycircuits.results.runs import load


def right_known():
    return "y_0"


def right_counted():
    import torch

    run = load("reversal-8d-1l")
    task, sequences = run.study.task, run.study.task.sequences()[::257]
    with torch.no_grad():
        pattern = run.model.run_with_cache(task.inputs(sequences))[1]["pattern", 0][:, 0]
    mean = pattern.mean(0)
    least = min(range(8), key=lambda i: mean[task.predicting_rows[i], task.source_columns[i]])
    return f"y_{least}"


def wrong_last():
    return "y_7"


def wrong_famous():
    return "y_4"


def wrong_number():
    return 0


def wrong_all():
    return [f"y_{i}" for i in range(8)]


def wrong_source():
    return "x_7"


def wrong_second():
    return "y_1"
