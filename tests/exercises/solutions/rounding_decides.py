LARGE = 2**24
"""Above it single precision holds every second whole number only."""


def right_lost_one_by_one():
    return [LARGE, 1, 1, 1, 1, -LARGE]


def right_larger():
    return (-(2**30), 64, 64, 2**30, 64, 64)


def right_unlike():
    return [2 * LARGE, 2, 2, 2, 1, -2 * LARGE]


def wrong_of_the_chapter():
    return [LARGE, 1, 1]


def wrong_a_small_share():
    return [LARGE, 1, 1, -LARGE]


def wrong_three_are_not_enough():
    return [LARGE, 1, 1, 1, -LARGE]


def wrong_nothing_left():
    return [LARGE, 1, -1, -LARGE]


def wrong_negative():
    return [LARGE, 1, -1, -1, -LARGE]


def wrong_nothing_is_lost():
    return [LARGE, 2, 2, -LARGE]


def wrong_not_held():
    return [LARGE + 1, 1, 1, 1, -LARGE]


def wrong_too_many():
    return [LARGE, 1, 1, 1, 1, 1, -LARGE]


def wrong_too_large():
    return [2**60, 1, -(2**60)]


def wrong_fractions():
    return [1, 2**-25, 2**-25, 2**-25, 2**-25, -1]


def wrong_small_numbers():
    return [1, 2, 3]
