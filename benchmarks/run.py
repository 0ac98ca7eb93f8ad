"""Times the training step and the lanes against the plain loop, and every exact analysis over all inputs.

Prints ratios and seconds. Runs are interleaved (A B A B ...), so that a change of the machine's speed hits both sides;
medians are printed. ``python benchmarks/run.py lanes`` measures the lanes only.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch.nn.functional import cross_entropy

from tinycircuits.interp import sae
from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import attention_heads, components, part_named, stages
from tinycircuits.interp.attention import attention_summary
from tinycircuits.interp.attribution import logit_attribution
from tinycircuits.interp.fourier import clock_shares, dependence, pair_logits
from tinycircuits.interp.heads import head_rows, summarize_heads
from tinycircuits.interp.interchange import interchange
from tinycircuits.interp.logits import cosine_to_digits, logit_lens
from tinycircuits.interp.mlp import digit_contributions, neuron_activity
from tinycircuits.interp.operands import corrupted_pairs
from tinycircuits.interp.patching import activation_patching
from tinycircuits.interp.probes import fit_probe
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.models.build import build, without_hooks
from tinycircuits.models.errors import teacher_forced
from tinycircuits.proof.checker import check
from tinycircuits.proof.ladder import exact_means, intervals
from tinycircuits.proof.search import search
from tinycircuits.proof.subject import rule_of, tables_of
from tinycircuits.proof.verdict import prove
from tinycircuits.results import runs
from tinycircuits.results.fits import fitted_on, load_fit
from tinycircuits.results.sweeps import measure, train_block
from tinycircuits.results.tables.fits import fit_named
from tinycircuits.results.tables.grokking import GrokkingRow, grokking_row
from tinycircuits.results.tables.studies import STUDIES, Study
from tinycircuits.results.tables.sweeps import SWEEPS
from tinycircuits.tasks import ModularAddition, ReverseIncrement
from tinycircuits.training.device import one_thread
from tinycircuits.training.lanes.training import _Lanes
from tinycircuits.training.loop import _Loop
from tinycircuits.training.recipe import generator_of

PAIRS, STEPS = 5, 60


def seconds(job: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def plain_steps(study: Study | GrokkingRow, n: int = STEPS) -> Callable[[], None]:
    """The articles' loop, ``n`` steps: the TransformerLens model itself, single precision, the default optimizer."""
    model = build(study.model, study.task, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=study.train.lr)
    sequences = study.task.sequences()[study.train.split.indices(len(study.task.sequences())).train]

    def steps() -> None:
        for _ in range(n):
            batch = sequences[torch.randperm(len(sequences))[: study.train.batches.batch_size]]
            logits = model(study.task.inputs(batch))[:, study.task.predicting_rows]
            loss = cross_entropy(logits.mT, study.task.answers(batch))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return steps


def our_steps(study: Study | GrokkingRow, n: int = STEPS) -> Callable[[], None]:
    """The loop of ``tinycircuits.training.loop``, ``n`` steps, in the recipe's precision."""
    model = build(study.model, study.task, seed=0, dtype=study.train.dtype)
    loop = _Loop(study.task, study.train, without_hooks(model, study.model, study.task), torch.device("cpu"))
    size = study.train.batches.batch_size

    @one_thread()
    def steps() -> None:
        for step in range(n):
            loop._step(step, loop.data.batch(torch.randperm(loop.data.n_train)[:size]))

    return steps


def time_training() -> None:
    """Print milliseconds a step, plain and ours, the ratio, and the seconds of all steps of a seed, for each study."""
    print(f"training step, median of {PAIRS} interleaved pairs of {STEPS} steps")
    print(f"{'study':16} {'plain ms':>9} {'ours ms':>9} {'plain / ours':>13} {'seed s':>7}")
    for study in STUDIES.values():
        plain, ours = plain_steps(study), our_steps(study)
        plain()
        ours()
        pairs = [(seconds(plain), seconds(ours)) for _ in range(PAIRS)]
        ratio = statistics.median(a / b for a, b in pairs)
        a, b = (1000 * statistics.median(column) / STEPS for column in zip(*pairs, strict=True))
        whole = b / 1000 * study.train.batches.n_steps(study.train.split.n_train)
        print(f"{study.name:16} {a:9.2f} {b:9.2f} {ratio:13.2f} {whole:7.0f}")


def time_whole_batches(name: str) -> None:
    """Print milliseconds of a step on a whole batch of a training that is kept as ``grokking``: by the plain loop, by
    ours with the module's own forward pass, and by tables; all on one thread.
    """
    row, n = grokking_row(name), 5
    by_module = replace(row, train=row.train.model_copy(update={"forward": "module"}))
    loops = {"plain": plain_steps(row, n), "module": our_steps(by_module, n), "tables": our_steps(row, n)}
    for loop in loops.values():
        one_thread()(loop)()
    rounds = [{way: seconds(one_thread()(loop)) for way, loop in loops.items()} for _ in range(PAIRS)]
    took = {way: 1000 * statistics.median(each[way] for each in rounds) / n for way in loops}
    ratio = statistics.median(each["plain"] / each["tables"] for each in rounds)
    print(f"\nstep on a whole batch of {name}, one thread, median of {PAIRS} interleaved runs of {n} steps")
    print(", ".join(f"{way} {each:.0f} ms" for way, each in took.items()) + f"; plain / tables {ratio:.2f}", flush=True)


@contextmanager
def busy_core() -> Iterator[None]:
    """Meanwhile another process keeps one core busy."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def lane_steps(study: Study, lanes: int, steps: int) -> Callable[[], None]:
    """``steps`` steps of a stack of models in single precision, as the plain loop has it, with drawing the batches."""
    recipe = study.train.model_copy(update={"dtype": "float32"})
    loop = _Lanes(study.task, study.model, recipe, range(lanes), torch.device("cpu"), compiled=True)

    @one_thread()  # as `train_lanes`
    def run() -> None:
        drawn = recipe.batches.draw(loop.data.n_train, [generator_of(seed, 0) for seed in loop.seeds])
        for step, batch in enumerate(drawn[:steps]):
            loop._step(step, batch)

    return run


def time_lanes() -> None:
    """Print the model-steps a second of the lanes over those of the plain loop, both on one thread: of their blocks as
    they are stored, and of a large one, with a core to spare and beside another process that keeps one busy.

    Both loops lose to that process alike where there is one core; the milliseconds show what it costs.
    """
    print(f"\nlanes on one thread of {torch.get_num_threads()}, median of {PAIRS} interleaved pairs")
    print(f"{'study':16} {'lanes':>6} {'beside':>10} {'plain ms':>9} {'lane ms':>9} {'plain / lane':>13}")
    for name, lanes, steps in (("reversal-4d-2l", 250, 100), ("reversal-4d-2l", 512, 100), ("reversal-8d-1l", 25, 10)):
        plain, ours = one_thread()(plain_steps(STUDIES[name])), lane_steps(STUDIES[name], lanes, steps)
        plain()
        ours()
        for beside, other in (("nothing", nullcontext()), ("busy core", busy_core())):
            with other:
                pairs = [(seconds(plain) / STEPS, seconds(ours) / steps / lanes) for _ in range(PAIRS)]
            ratio = statistics.median(a / b for a, b in pairs)
            a, b = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{name:16} {lanes:6} {beside:>10} {a:9.3f} {b:9.4f} {ratio:13.0f}", flush=True)


def time_a_thousand_seeds() -> None:
    """Print the seconds and the memory of a thousand seeds of article C: trained, and evaluated on all inputs."""
    chosen = SWEEPS["seeds-c-ordered"]
    started, solved = time.perf_counter(), 0
    for block in chosen.blocks(range(1_000)):
        tensors = train_block(chosen, block).tensors
        solved += int((tensors["train_wrong_sequences"] + tensors["holdout_wrong_sequences"] == 0).sum())
    print(
        f"1,000 seeds of {chosen.name}: {time.perf_counter() - started:.0f} s, {solved} without a mistake", flush=True
    )
    one_step = chosen.train.model_copy(update={"batches": chosen.train.batches.model_copy(update={"steps": 100})})
    weights = _Lanes(chosen.task, chosen.model, one_step, range(1_000), torch.device("cpu"), compiled=True)
    weights.play_round()
    measure(chosen, weights.weights.detach())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of this process, 1,000 lanes at once included: {peak:.2f} GiB")


def time_analyses(name: str) -> None:
    """Print the seconds of each exact analysis over all inputs of a study."""
    run = runs.load(name)
    model, task = run.model, run.study.task
    assert isinstance(task, ReverseIncrement)
    sequences = task.sequences()
    split = run.study.train.split.indices(len(sequences))
    component = components(model)[0]
    last = stages(model)[-1].label
    jobs: dict[str, Callable[[], object]] = {
        "attention summary": lambda: attention_summary(model, sequences, task, layer=0),
        "logit lens": lambda: logit_lens(model, sequences, task, layer_norm=True),
        "cosine to digits": lambda: cosine_to_digits(model, sequences, task, stage=last, to="W_U"),
        "digit contributions": lambda: digit_contributions(model, sequences, task, layer=0),
        "neuron activity": lambda: neuron_activity(model, sequences, task, layer=0),
        "logit attribution": lambda: logit_attribution(model, sequences, task),
        "interchange": lambda: interchange(model, sequences, task, component, seed=0),
        "linear read-out": lambda: fit_probe(model, sequences, task, split, stage=last, seed=0),
        "ablation, one component": lambda: ablation_table(model, sequences, task, only=[component], seed=0, draws=1),
        "ablation, whole table": lambda: ablation_table(model, sequences, task, seed=0, draws=1),
    }
    report(name, len(sequences), jobs)


def time_latents(name: str) -> None:
    """Print the seconds of what is asked about the latents of a stored dictionary, over all its states."""
    chosen = fit_named(name)
    (states, sums), dictionary, run = fitted_on(chosen), load_fit(name, 0).dictionary, runs.load(chosen.study)
    task, site, p = run.study.task, part_named(run.model, chosen.site), int(sums.max()) + 1
    live = sae.some_live(dictionary, states, 100, seed=0)
    residue = dict.fromkeys(live, 0)
    effects = partial(latent_effects, run.model, task.sequences(), task, site, dictionary, residue=residue, seed=0)
    jobs: dict[str, Callable[[], object]] = {
        "what latents stand for": lambda: meanings(dictionary.encode(states), sums, modulus=p),
        "a random encoder": lambda: sae.random_dictionary(states, width=len(dictionary.b_enc), l0=10, seed=0),
        "effects of 100 latents": lambda: effects(latents=live),
    }
    report(name, len(states), jobs)


def time_addition(name: str) -> None:
    """Print the seconds of each exact analysis over all pairs of a study of modular addition."""
    run = runs.load(name)
    model, task = run.model, run.study.task
    assert isinstance(task, ModularAddition)
    tokens, (row,), p = task.inputs(task.sequences()), task.predicting_rows, task.modulus
    rows = head_rows(model, tokens, row=row)
    sequences, parts, heads = task.sequences(), components(model), attention_heads(model)
    other, sums = corrupted_pairs(task, operand="b", seed=0), {"a + b": task.answers(task.sequences())[:, 0]}
    logits = pair_logits(model, task)[..., :p]
    patch = partial(activation_patching, model, task, sequences, other, direction="denoise", draws=1)
    ablate = partial(ablation_table, model, sequences, task, seed=0, draws=1)
    report(
        name,
        len(tokens),
        {
            "attention of all heads": lambda: head_rows(model, tokens, row=row),
            "mean, spread, entropy": lambda: summarize_heads(rows),
            "what attention follows": lambda: dependence(rows.reshape(p, p, -1)),
            "waves of the logits": lambda: clock_shares(logits),
            "patching, all components": lambda: patch(groups=parts),
            "patching, all heads": lambda: patch(groups=heads),
            "ablation, all components": lambda: ablate(only=parts, kinds=["zero", "mean", "resample"]),
            "ablation, all heads, mean": lambda: ablate(only=heads, kinds=["mean"]),
            "read-outs everywhere": lambda: readout_map(model, sequences, task, sums, seeds=[0]),
        },
    )


def time_proofs(name: str) -> None:
    """Print the seconds of a list of all answers of a one-layer study, of a proof by each bound, and of its check."""
    run = runs.load(name)
    task, sequences = run.study.task, run.study.task.sequences()
    assert isinstance(task, ReverseIncrement)
    rule = rule_of(task)
    known = tables_of(run.model, rule)
    proof = prove(run.model, task).proof
    report(
        name,
        len(sequences),
        {
            "list of all answers": lambda: teacher_forced(run.model, task, sequences),
            "proof, intervals": lambda: search(known, bound=intervals),
            "proof, exact means": lambda: search(known, bound=exact_means),
            "proof, lines": lambda: search(known),
            "the proof checked": lambda: check(proof),
            "wrong answers counted": lambda: search(known, count=True),
        },
    )


def report(name: str, n_inputs: int, jobs: dict[str, Callable[[], object]]) -> None:
    """Run the jobs and print the seconds of each."""
    print(f"\nexact analyses of {name} over all {n_inputs:,} inputs, seconds")
    for label, job in jobs.items():
        print(f"{label:26} {seconds(job):6.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] != ["lanes"]:
        time_training()
        for row_name in ("grokking-113", "grokking-59"):
            time_whole_batches(row_name)
        for study_name in ("reversal-8d-1l", "reversal-8d-2l"):
            time_analyses(study_name)
        for study_name in ("addition-113-3l", "addition-97-2l"):
            time_addition(study_name)
        time_latents("addition-97-2l-sae-summed")
        time_proofs("reversal-8d-1l")
    time_lanes()
    time_a_thousand_seeds()
