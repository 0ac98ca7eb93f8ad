from math import comb, sqrt

from scipy.stats import beta, binomtest


def right_beta(k, n):
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return low, high


def right_scipy(k, n):
    found = binomtest(k, n).proportion_ci(0.95, "exact")
    return [found.low, found.high]


def right_bisection(k, n):
    def low(k):
        if k == 0:
            return 0.0
        a, b = 0.0, k / n
        for _ in range(50):
            p = (a + b) / 2
            tail = sum(comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))
            a, b = (a, p) if tail > 0.025 else (p, b)
        return a

    return low(k), 1 - low(n - k)


def wrong_wald(k, n):
    p = k / n
    half = 1.96 * sqrt(p * (1 - p) / n)
    return max(0, p - half), min(1, p + half)


def wrong_wilson(k, n):
    found = binomtest(k, n).proportion_ci(0.95, "wilson")
    return found.low, found.high


def wrong_agresti_coull(k, n):
    p, m = (k + 2) / (n + 4), n + 4
    half = 1.96 * sqrt(p * (1 - p) / m)
    return min(max(0, p - half), k / n), max(k / n, min(1, p + half))


def wrong_everything(k, n):
    return 0.0, 1.0


def wrong_ninety(k, n):
    found = binomtest(k, n).proportion_ci(0.90, "exact")
    return found.low, found.high


def wrong_ninety_nine(k, n):
    found = binomtest(k, n).proportion_ci(0.99, "exact")
    return found.low, found.high


def wrong_jeffreys(k, n):
    return (
        beta.ppf(0.025, k + 0.5, n - k + 0.5) if k else 0.0,
        beta.ppf(0.975, k + 0.5, n - k + 0.5) if k < n else 1.0,
    )


def wrong_one_sided(k, n):
    return 0.0, beta.ppf(0.95, k + 1, n - k) if k < n else 1.0
