import numpy as np


def _centred(X):
    return X - X.mean(0)


def right_kernel_alignment(X, Y):
    X, Y = _centred(X), _centred(Y)
    return np.linalg.norm(X.T @ Y) ** 2 / (np.linalg.norm(X.T @ X) * np.linalg.norm(Y.T @ Y))


def right_procrustes(X, Y):
    X, Y = (each / np.linalg.norm(each) for each in (_centred(X), _centred(Y)))
    return np.linalg.svd(X.T @ Y, compute_uv=False).sum()


def right_canonical_correlations(X, Y):
    X, Y = (np.linalg.qr(_centred(each))[0] for each in (X, Y))
    return (np.linalg.svd(X.T @ Y, compute_uv=False) ** 2).mean()


def wrong_entry_by_entry(X, Y):
    return abs(np.corrcoef(X.ravel(), Y.ravel())[0, 1])


def wrong_cosine_of_rows(X, Y):
    return float(np.clip((X * Y).sum(1) / np.linalg.norm(X, axis=1) / np.linalg.norm(Y, axis=1), 0, 1).mean())


def wrong_not_centred(X, Y):
    return np.linalg.norm(X.T @ Y) ** 2 / (np.linalg.norm(X.T @ X) * np.linalg.norm(Y.T @ Y))


def wrong_always_one(X, Y):
    return 1.0


def wrong_always_zero(X, Y):
    return 0.0


def wrong_spectra_only(X, Y):
    a, b = (np.linalg.svd(_centred(each), compute_uv=False) for each in (X, Y))
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def wrong_column_by_column(X, Y):
    pairs = zip(X.T, Y.T, strict=True)
    return float(np.mean([abs(np.corrcoef(x, y)[0, 1]) for x, y in pairs]))


def wrong_one_sided(X, Y):
    X, Y = _centred(X), _centred(Y)
    fitted = X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    return 1 - np.square(Y - fitted)[:, :1].sum() / np.square(Y)[:, :1].sum()


def wrong_negative(X, Y):
    return -right_kernel_alignment(X, Y)
