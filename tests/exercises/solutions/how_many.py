from tinycircuits.results.sweeps import load_sweep


def right_counted():
    return int(load_sweep("seeds-c-ordered", range(1_000)).solved.sum())


def right_a_good_guess():
    return 200


def wrong_none():
    return 0


def wrong_all():
    return 1_000


def wrong_half():
    return 500


def wrong_shuffled():
    return 750


def wrong_share():
    return 0.217


def wrong_too_many():
    return 21_700


def wrong_one_in_three():
    return 333
