def right_formula(L, d, h, e, m, v, n):
    attention = 4 * d * h * e + 3 * h * e + d
    mlp = 0 if m is None else 2 * d * m + m + d + 2 * d
    return 2 * v * d + n * d + L * (attention + mlp + 2 * d) + 2 * d


def right_list_of_shapes(n_layers, d_model, n_heads, d_head, d_mlp, d_vocab, n_ctx):
    shapes = [(d_vocab, d_model), (n_ctx, d_model)]
    for _ in range(n_layers):
        shapes += [(2, d_model)] + 3 * [(d_model + 1, n_heads * d_head)] + [(n_heads * d_head + 1, d_model)]
        if d_mlp is not None:
            shapes += [(2, d_model), (d_model + 1, d_mlp), (d_mlp + 1, d_model)]
    shapes += [(2, d_model), (d_model, d_vocab)]
    return sum(rows * columns for rows, columns in shapes)


def wrong_no_biases(L, d, h, e, m, v, n):
    return 2 * v * d + n * d + L * (4 * d * h * e + (0 if m is None else 2 * d * m))


def wrong_last_norm_forgotten(L, d, h, e, m, v, n):
    return right_formula(L, d, h, e, m, v, n) - 2 * d


def wrong_unembedding_bias(L, d, h, e, m, v, n):
    return right_formula(L, d, h, e, m, v, n) + v


def wrong_tied(L, d, h, e, m, v, n):
    return right_formula(L, d, h, e, m, v, n) - v * d


def wrong_norm_without_mlp(L, d, h, e, m, v, n):
    return right_formula(L, d, h, e, m, v, n) + (2 * L * d if m is None else 0)


def wrong_one_head(L, d, h, e, m, v, n):
    return right_formula(L, d, 1, e, m, v, n)


def wrong_crashes_without_mlp(L, d, h, e, m, v, n):
    return right_formula(L, d, h, e, m + 0, v, n)
