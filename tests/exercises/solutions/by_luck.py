from fractions import Fraction
from itertools import combinations
from math import comb, lgamma, log

import numpy as np
from scipy.stats import binom, fisher_exact, hypergeom, norm


def right_fisher(met, judged, other_met, other_judged):
    return fisher_exact([[met, judged - met], [other_met, other_judged - other_met]]).pvalue


def right_counted(met, judged, other_met, other_judged):
    right, wrong = met + other_met, judged + other_judged - met - other_met
    ways = [comb(right, k) * comb(wrong, judged - k) for k in range(judged + 1)]
    return float(Fraction(sum(each for each in ways if each <= ways[met]), sum(ways)))


def right_in_logarithms(met, judged, other_met, other_judged):
    total, right = judged + other_judged, met + other_met
    choose = lambda n, k: lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)  # noqa: E731
    possible = range(max(0, judged - (total - right)), min(judged, right) + 1)
    chances = np.array([choose(right, k) + choose(total - right, judged - k) - choose(total, judged) for k in possible])
    return np.exp(chances[chances <= chances[met - possible[0]] + log(1 + 1e-9)]).sum()


def wrong_one_side(met, judged, other_met, other_judged):
    return hypergeom(judged + other_judged, met + other_met, judged).cdf(met)


def wrong_twice_one_side(met, judged, other_met, other_judged):
    drawn = hypergeom(judged + other_judged, met + other_met, judged)
    return min(1, 2 * min(drawn.cdf(met), drawn.sf(met - 1)))


def wrong_only_what_was_seen(met, judged, other_met, other_judged):
    return hypergeom(judged + other_judged, met + other_met, judged).pmf(met)


def wrong_only_rarer_ones(met, judged, other_met, other_judged):
    ways = [
        comb(met + other_met, k) * comb(judged + other_judged - met - other_met, judged - k) for k in range(judged + 1)
    ]
    return sum(each for each in ways if each < ways[met]) / sum(ways)


def wrong_put_back(met, judged, other_met, other_judged):
    drawn = binom(judged, (met + other_met) / (judged + other_judged))
    chances = drawn.pmf(np.arange(judged + 1))
    return chances[chances <= chances[met] * (1 + 1e-9)].sum()


def wrong_rule_of_thumb(met, judged, other_met, other_judged):
    share = (met + other_met) / (judged + other_judged)
    spread = np.sqrt(share * (1 - share) * (1 / judged + 1 / other_judged)) or 1
    return 2 * norm.sf(abs(met / judged - other_met / other_judged) / spread)


def wrong_sizes_forgotten(met, judged, other_met, other_judged):
    return right_counted(met, judged, other_met, judged) if other_met <= judged else 0.0


def wrong_half_of_the_deals(met, judged, other_met, other_judged):
    bag = [1] * (met + other_met) + [0] * (judged + other_judged - met - other_met)
    if len(bag) > 10:
        return 0.5
    apart = lambda k: abs(k / judged - (met + other_met - k) / other_judged)  # noqa: E731
    drawn = [sum(each) for each in combinations(bag, judged)]
    return sum(apart(k) > apart(met) for k in drawn) / len(drawn)


def wrong_difference(met, judged, other_met, other_judged):
    return 1 - abs(met / judged - other_met / other_judged)
