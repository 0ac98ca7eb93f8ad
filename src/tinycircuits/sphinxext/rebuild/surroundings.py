"""What surrounds a kernel: a short list of what may come from the machine, and nothing of its owner's settings."""

import os
import sys
from pathlib import Path

_OF_THE_MACHINE = (
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"),  # set where a processor is taken for another one
)
_FIXED = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",  # chapters run side by side, and sums do not depend on the number of cores
    "PYTHONNOUSERSITE": "1",
    "PYTHONWARNINGS": "ignore:IProgress not found",  # a progress bar is no widget here
    "TINYCIRCUITS_FROZEN": "1",
}


def surroundings(home: Path, results: Path) -> dict[str, str]:
    """The environment of a kernel that reads ``results`` and imports what this process can import.

    Settings that lie in a home folder, of matplotlib, IPython, Jupyter and others, are looked for in ``home``, which is
    the build's own and has none.
    """
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in _OF_THE_MACHINE if name in os.environ}
    own = {"HOME": str(home), "USERPROFILE": str(home), "TINYCIRCUITS_RESULTS": str(results)}
    return {**kept, **_FIXED, **own, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
