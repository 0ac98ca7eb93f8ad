"""Kernels as copies of one process that has imported the slow libraries, which takes seconds; a copy starts at once."""

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from multiprocessing import forkserver, parent_process
from multiprocessing.context import ForkServerProcess
from threading import Thread

PRELOADED = (
    "torch",
    "transformer_lens.model_bridge",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "fontTools.subset",
    "plotly.graph_objects",
    "scipy.stats",
    "sklearn.discriminant_analysis",
    "myst_nb.ext.glue",
    "IPython.core.interactiveshell",
    "tinycircuits.display",
    "tinycircuits.sphinxext.rebuild.kernel",
    "jupyter_book.cli.main",  # the main modules of a build, which multiprocessing imports into every copy
    "tinycircuits.sphinxext.command",
)

_LONGEST = 70
"""Bytes in the path of a folder for sockets: the system holds 103 in theirs, and up to 32 follow."""


def socket_folder() -> str | None:
    """The temporary folder, or a common one if its path is too long for sockets; ``None`` if that fails too."""
    folders = (tempfile.gettempdir(), "/tmp", "/var/tmp")
    short = (folder for folder in folders if len(os.fsencode(folder)) <= _LONGEST)
    return next((folder for folder in short if os.access(folder, os.W_OK | os.X_OK)), None)


def available() -> bool:
    """Whether a process that holds these libraries can be copied safely: on Linux it can, on macOS it cannot."""
    return sys.platform == "linux" and socket_folder() is not None


def start(environment: Mapping[str, str], preloaded: Iterable[str] = PRELOADED) -> None:
    """Begin to import ``preloaded`` in the process to copy, which has this ``environment``, unless there is one."""
    forkserver.set_forkserver_preload([__name__, *preloaded])
    before = os.environ.copy()
    os.environ.clear()
    os.environ.update(environment)
    folder, tempfile.tempdir = tempfile.tempdir, socket_folder()
    forkserver.ensure_running()
    tempfile.tempdir = folder
    os.environ.clear()
    os.environ.update(before)


class Kernel(ForkServerProcess):
    """A kernel that listens as ``connection_file`` says, with what ``jupyter_client`` asks of a process.

    Raises ``RuntimeError`` if it cannot be started.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection_file: str, cwd: str, environment: Mapping[str, str]) -> None:
        super().__init__(target=_become_kernel, args=(connection_file, cwd, dict(environment)))
        try:
            self.start()
        except (OSError, EOFError) as error:
            raise RuntimeError("the process to copy kernels from ended early; its message stands above") from error

    def poll(self) -> int | None:
        """``None`` while the kernel runs, else its exit status."""
        return self.exitcode

    def wait(self) -> int | None:
        """The exit status once the kernel has ended."""
        self.join()
        return self.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the kernel has ended."""
        if self.pid and self.exitcode is None:
            os.kill(self.pid, number)


def _become_kernel(connection_file: str, cwd: str, environment: dict[str, str]) -> None:
    os.setpgrp()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["ipykernel_launcher"]
    Thread(target=_end_with_the_build, daemon=True).start()
    from tinycircuits.sphinxext.rebuild.kernel import run

    run(connection_file)


def _end_with_the_build() -> None:
    """End this kernel when the build ends: its parent, whose end a kernel looks for, lives as long as any kernel."""
    build = parent_process()
    if build is not None:
        build.join()
        os._exit(1)
