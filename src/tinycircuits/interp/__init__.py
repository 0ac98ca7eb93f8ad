"""The analyses: pure functions of a model and its inputs that return frozen results.

``probes`` is not imported here, because scikit-learn takes long to import; import ``tinycircuits.interp.probes``.
"""

from tinycircuits.interp.ablation import (
    KINDS,
    Ablation,
    AblationKind,
    AblationTable,
    ablate,
    ablation_table,
)
from tinycircuits.interp.activations import Component, Stage, activations, components, stages
from tinycircuits.interp.attention import (
    AttentionSummary,
    attention_block,
    attention_pattern,
    attention_summary,
    summarize_attention,
)
from tinycircuits.interp.attribution import (
    LogitAttribution,
    LogitContributions,
    logit_attribution,
    logit_contributions,
)
from tinycircuits.interp.forward import logits_after, project
from tinycircuits.interp.fourier import clock_shares, dependence, fourier_basis, frequency_shares
from tinycircuits.interp.heads import (
    ROLE_SHARE,
    SPREAD,
    HeadSummary,
    deviation,
    head_roles,
    head_rows,
    summarize_heads,
)
from tinycircuits.interp.interchange import Interchange, interchange, interchanged_answers
from tinycircuits.interp.logits import (
    CosineReadout,
    LogitLens,
    SampleReadout,
    Turn,
    cosine_to_digits,
    logit_lens,
    sample_readout,
)
from tinycircuits.interp.mlp import (
    DigitContributions,
    MlpWeights,
    NeuronActivity,
    digit_contributions,
    mlp_outputs,
    mlp_weights,
    neuron_activity,
)

__all__ = [
    "KINDS",
    "ROLE_SHARE",
    "SPREAD",
    "Ablation",
    "AblationKind",
    "AblationTable",
    "AttentionSummary",
    "Component",
    "CosineReadout",
    "DigitContributions",
    "HeadSummary",
    "Interchange",
    "LogitAttribution",
    "LogitContributions",
    "LogitLens",
    "MlpWeights",
    "NeuronActivity",
    "SampleReadout",
    "Stage",
    "Turn",
    "ablate",
    "ablation_table",
    "activations",
    "attention_block",
    "attention_pattern",
    "attention_summary",
    "clock_shares",
    "components",
    "cosine_to_digits",
    "dependence",
    "deviation",
    "digit_contributions",
    "fourier_basis",
    "frequency_shares",
    "head_roles",
    "head_rows",
    "interchange",
    "interchanged_answers",
    "logit_attribution",
    "logit_contributions",
    "logit_lens",
    "logits_after",
    "mlp_outputs",
    "mlp_weights",
    "neuron_activity",
    "project",
    "sample_readout",
    "stages",
    "summarize_attention",
    "summarize_heads",
]
