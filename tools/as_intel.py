"""Runs a command of tinycircuits with the kernels that MKL keeps for Intel's processors, on one of another maker.

A training is repeated to the last bit only where products are summed in the same order. MKL, which is inside torch,
asks who made the processor and sums otherwise on others; a few hundred steps make another model of it. The published
models of digits were trained on an Intel processor with AVX-512. With this, another one with AVX-512 repeats them:

    python tools/as_intel.py retrain reversal-8d-1l.course

It overwrites, in the memory of this process alone, the function with which MKL asks. Linux on x86-64. What is made says
so in its provenance.
"""

import ctypes
import mmap
from pathlib import Path

import torch

from tinycircuits import cli
from tinycircuits.results import provenance

ASKS = "mkl_serv_intel_cpu_true"
RETURN_TRUE = bytes.fromhex("b801000000c3")  # mov eax, 1; ret
WRITABLE, AS_BEFORE = 7, 5  # read, write, execute


def answer_intel() -> None:
    """From now on MKL takes this processor for one of Intel; raises ``OSError`` where it cannot be told."""
    torch_cpu = ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))
    address = ctypes.cast(getattr(torch_cpu, ASKS), ctypes.c_void_p).value or 0
    page = address - address % mmap.PAGESIZE
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(page), 2 * mmap.PAGESIZE, WRITABLE):
        raise OSError(ctypes.get_errno(), "the memory of MKL cannot be written")
    ctypes.memmove(address, RETURN_TRUE, len(RETURN_TRUE))
    protect(ctypes.c_void_p(page), 2 * mmap.PAGESIZE, AS_BEFORE)


def main() -> None:
    """Tell MKL, then run the command line."""
    answer_intel()
    name = provenance.processor()
    provenance.processor = lambda: f"{name}, with MKL's kernels for Intel"
    cli.main()


if __name__ == "__main__":
    main()
