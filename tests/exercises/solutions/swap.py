import torch

NAME = "blocks.0.hook_attn_out"


def right_hooks(model, base, source, row):
    _, cache = model.run_with_cache(source)

    def put(value, hook):
        value = value.clone()
        value[:, row] = cache[NAME][:, row]
        return value

    return model.run_with_hooks(base, fwd_hooks=[(NAME, put)])


def right_from_the_stream(model, base, source, row):
    with torch.no_grad():
        _, here = model.run_with_cache(base)
        _, there = model.run_with_cache(source)
        mid = here["resid_pre", 0] + here[NAME]
        mid[:, row] = here["resid_pre", 0][:, row] + there[NAME][:, row]
        hidden = torch.relu(mid @ model.W_in[0] + model.b_in[0])
        return (mid + hidden @ model.W_out[0] + model.b_out[0]) @ model.W_U + model.b_U


def wrong_whole_output(model, base, source, row):
    _, cache = model.run_with_cache(source)
    return model.run_with_hooks(base, fwd_hooks=[(NAME, lambda value, hook: cache[NAME])])


def wrong_source_only(model, base, source, row):
    return model(source)


def wrong_nothing_swapped(model, base, source, row):
    return model(base)


def wrong_exchanged(model, base, source, row):
    return right_hooks(model, source, base, row)


def wrong_row_too_low(model, base, source, row):
    return right_hooks(model, base, source, min(row + 1, base.shape[1] - 1))


def wrong_stream_instead(model, base, source, row):
    _, cache = model.run_with_cache(source)

    def put(value, hook):
        value = value.clone()
        value[:, row] = cache["blocks.0.hook_resid_mid"][:, row] if "blocks.0.hook_resid_mid" in cache else 0
        return value

    return model.run_with_hooks(base, fwd_hooks=[("blocks.0.hook_resid_pre", put)])


def wrong_hook_left(model, base, source, row):
    _, cache = model.run_with_cache(source)

    def put(value, hook):
        value = value.clone()
        value[:, row] = cache[NAME][:, row]
        return value

    model.add_hook(NAME, put)
    return model(base)


def wrong_logits_copied(model, base, source, row):
    logits = model(base).clone()
    logits[:, row] = model(source)[:, row].roll(1, -1)
    return logits
