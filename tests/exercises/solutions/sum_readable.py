from tinycircuits.results.profiles import profile
from tinycircuits.results.runs import load
from tinycircuits.results.summaries.readouts import stored_readouts


def right_known():
    return "L1 attn"


def right_read():
    run = load("addition-97-2l")
    table = stored_readouts(profile("E", "published").numbers, run.model, run.study.task).table("a + b")["="]
    gains = table.diff().iloc[1:].tolist()
    return ["L0 attn", "L0 mlp", "L1 attn", "L1 mlp"][gains.index(max(gains))]


def wrong_first_mlp():
    return "L0 mlp"


def wrong_last_mlp():
    return "L1 mlp"


def wrong_first_attention():
    return "L0 attn"


def wrong_layer_only():
    return "L1"


def wrong_everything():
    return ["L0 attn", "L0 mlp", "L1 attn", "L1 mlp"]


def wrong_head():
    return "L1H0"
