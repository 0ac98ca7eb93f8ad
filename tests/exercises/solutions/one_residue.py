import numpy as np


def right_table(activity, sums, p):
    table = np.stack([activity[sums == r].sum(0) for r in range(p)])
    return table.argmax(0), table.max(0) / table.sum(0)


def right_one_hot(activity, sums, p):
    table = activity.T @ np.eye(p)[sums]
    who = table.argmax(1)
    return who.tolist(), [table[i, r] / table[i].sum() for i, r in enumerate(who)]


def wrong_means_of_latents(activity, sums, p):
    table = np.stack([activity[sums == r].sum(0) for r in range(p)])
    return table.argmax(0), table.max(0) / activity.max(0) / len(sums)


def wrong_pair_of_largest(activity, sums, p):
    return activity.argmax(0) % p, np.ones(activity.shape[1])


def wrong_share_of_firing(activity, sums, p):
    table = np.stack([(activity[sums == r] > 0).sum(0) for r in range(p)])
    return table.argmax(0), table.max(0) / table.sum(0)


def wrong_one_later(activity, sums, p):
    who, share = right_table(activity, sums, p)
    return (who + 1) % p, share


def wrong_shares_of_residues(activity, sums, p):
    table = np.stack([activity[sums == r].sum(0) for r in range(p)])
    return table.argmax(0), (table / table.sum(1, keepdims=True)).max(0)


def wrong_always_pure(activity, sums, p):
    return right_table(activity, sums, p)[0], np.ones(activity.shape[1])


def wrong_latents_for_residues(activity, sums, p):
    table = np.stack([activity[sums == r].sum(0) for r in range(p)])
    return table.argmax(1)[: activity.shape[1]], table.max(0) / table.sum(0)


def wrong_residues_only(activity, sums, p):
    return right_table(activity, sums, p)[0]
