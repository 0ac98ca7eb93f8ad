KEY, SCALE, OUT, LAST = "blocks.0.attn.b_K", "blocks.0.ln2.b", "blocks.0.mlp.b_out", "ln_final.b"


def right_one():
    return [KEY, SCALE, LAST]


def right_the_other():
    return (LAST, OUT, KEY)


def wrong_both_that_stand_in():
    return [KEY, SCALE, OUT]


def wrong_both_and_the_last():
    return [SCALE, OUT, LAST]


def wrong_two_only():
    return [KEY, LAST]


def wrong_one_twice():
    return [KEY, LAST, LAST]


def wrong_a_needed_one():
    return [KEY, LAST, "blocks.0.mlp.b_in"]


def wrong_all_four():
    return [KEY, SCALE, OUT, LAST]


def wrong_name():
    return [KEY, LAST, "b_Q"]
