"""The gradient of every model's own loss at once, compiled where a C++ compiler is at hand."""

import logging
import sys

import torch
from jaxtyping import Float
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch._inductor.exc import InvalidCxxCompiler

from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import Task
from tinycircuits.training.lanes.forward import Tables, answer_logits, tables
from tinycircuits.training.lanes.layout import layout


class Gradient:
    """Maps weights and a batch for each lane to the gradient of each lane's mean cross-entropy.

    The loss is the sum over lanes, which are independent: a lane's row of the gradient is that of its own loss.
    """

    def __init__(
        self, task: Task, spec: ModelSpec, *, dtype: torch.dtype, device: torch.device, compiled: bool
    ) -> None:
        self.task, self.spec, self.layout = task, spec, layout(spec, task)
        self.tables: Tables = tables(task, dtype=dtype, device=device)
        self.compiled = compiled
        self._loss = self._sum_of_losses
        if compiled:
            torch.compiler.reset()  # shapes of an earlier stack would count against the compiler's limit
            logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where CUDA is absent
            self._loss = torch.compile(self._sum_of_losses, dynamic=False)

    def __call__(
        self,
        weights: Float[Tensor, "lane parameter"],
        sequences: Float[Tensor, "lane n_ctx batch"],
        share: Float[Tensor, " batch"],
    ) -> Float[Tensor, "lane parameter"]:
        """The gradient; ``share`` is the weight of each sequence in its lane's mean.

        It is contiguous: a fused optimizer on the CPU reads another stride as if it were the parameter's.
        """
        try:
            loss = self._loss(weights, sequences, share)
            return torch.autograd.grad(loss, weights)[0].contiguous()
        except (TorchDynamoException, InvalidCxxCompiler) as error:
            if not self.compiled:
                raise
            said = str(error).strip().splitlines()[0]
            print(f"lanes: not compiled, so several times slower ({said})", file=sys.stderr)
            self.compiled, self._loss = False, self._sum_of_losses
            return self(weights, sequences, share)

    def _sum_of_losses(
        self,
        weights: Float[Tensor, "lane parameter"],
        sequences: Float[Tensor, "lane n_ctx batch"],
        share: Float[Tensor, " batch"],
    ) -> Float[Tensor, ""]:
        n_answers = self.task.n_answers
        named = self.layout.unpack(weights)
        logits = answer_logits(self.spec, named, sequences[:, :-1], self.tables, n_answers)
        chosen = (sequences[:, -n_answers:, None] == self.tables.vocabulary[:, None]).to(logits.dtype)
        surprise = torch.logsumexp(logits, dim=2) - (logits * chosen).sum(2)
        return (surprise.mean(1) * share).sum()
