"""Checks every annotated shape while the tests run, and keeps torch to one thread: the models are tiny."""

import torch
from jaxtyping import install_import_hook

from tests import typechecker

install_import_hook("tinycircuits", f"{typechecker.__name__}.check")
torch.set_num_threads(1)
