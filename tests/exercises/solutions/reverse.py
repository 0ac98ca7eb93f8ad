def right_back_to_front(digits, modulus):
    return [(digit + 1) % modulus for digit in reversed(digits)]


def right_step_by_step(digits, modulus):
    answers = []
    for place in range(len(digits)):
        digit = digits[len(digits) - 1 - place]
        answers.append(0 if digit == modulus - 1 else digit + 1)
    return answers


def right_numpy(digits, modulus):
    import numpy as np

    return (np.array(digits)[::-1] + 1) % modulus


def wrong_not_reversed(digits, modulus):
    return [(digit + 1) % modulus for digit in digits]


def wrong_not_raised(digits, modulus):
    return digits[::-1]


def wrong_no_rollover(digits, modulus):
    return [digit + 1 for digit in reversed(digits)]


def wrong_modulus_fixed(digits, modulus):
    return [(digit + 1) % 4 for digit in reversed(digits)]


def wrong_lowered(digits, modulus):
    return [(digit - 1) % modulus for digit in reversed(digits)]


def wrong_carries(digits, modulus):
    number = sum(digit * modulus**i for i, digit in enumerate(digits)) + 1
    return [number // modulus**i % modulus for i in reversed(range(len(digits)))]


def wrong_short_input_only(digits, modulus):
    return [(digit + 1) % modulus for digit in (digits[::-1] if len(digits) < 4 else digits)]
