"""The tool that lets a processor of another maker repeat a training: MKL is told, and still multiplies right."""

import platform
import subprocess
import sys

import pytest
import torch

from tests.test_architecture import ROOT

PROGRAM = """
import ctypes
from pathlib import Path
import torch
from tools.as_intel import ASKS, answer_intel

answer_intel()
asked = getattr(ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so")), ASKS)()
one, two = torch.randn(2, 33, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
plain = (one[:, :, None] * two).sum(1)
print(asked, bool((one @ two - plain).abs().max() < 1e-12))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not torch.backends.mkl.is_available(),
    reason="MKL is there on Linux, x86-64",
)
def test_mkl_takes_the_processor_for_one_of_intel_and_multiplies_right():
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "True"]
