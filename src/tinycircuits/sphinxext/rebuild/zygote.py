"""A process that imports the slow libraries once and is then split into one kernel per chapter.

Importing torch and TransformerLens takes seconds; a copy of a process that has imported them starts at once. Run as a
script it is that process: it reads one JSON line per kernel from its input, starts the kernel in a copy of itself and
answers with the copy's process number.
"""

import json
import os
import signal
import subprocess
import sys
import time
from threading import Lock
from typing import Any

PRELOADED = (
    "torch",
    "transformer_lens.model_bridge",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "fontTools.subset",
    "plotly.graph_objects",
    "ipykernel.kernelapp",
    "IPython.core.interactiveshell",
    "tinycircuits.display",
)


def available() -> bool:
    """Whether splitting a process that holds these libraries is safe: on Linux it is, on macOS it is not."""
    return sys.platform == "linux"


class Zygote:
    """The other side: starts the process, asks it for kernels, ends it."""

    def __init__(self, preloaded: tuple[str, ...] = PRELOADED) -> None:
        # One thread a kernel: chapters run side by side, and sums do not depend on the number of cores.
        env = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._lock = Lock()
        command = [sys.executable, __file__, *preloaded]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def kernel(self, connection_file: str, cwd: str) -> "Kernel":
        """Return a new kernel that listens as ``connection_file`` says; raises ``RuntimeError`` if there is none."""
        if not self._process.stdin or not self._process.stdout:
            raise RuntimeError("the kernel launcher has no pipes")
        with self._lock:
            self._process.stdin.write(json.dumps([connection_file, cwd]) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the kernel launcher ended early; its message stands above")
        return Kernel(int(answer))

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.communicate()


class Kernel:
    """What ``jupyter_client`` wants of a process, for a process that is another's child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return ``None`` while the kernel runs, else 0."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Return 0 once the kernel has ended."""
        while self.poll() is None:
            time.sleep(0.01)
        return 0

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the kernel has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the kernel at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)


def _serve(preloaded: list[str], answers: int) -> None:
    import importlib

    for module in preloaded:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave no zombies
    for line in sys.stdin:
        connection_file, cwd = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become_kernel(connection_file, cwd)
        os.write(answers, f"{pid}\n".encode())


def _become_kernel(connection_file: str, cwd: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgrp()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    sys.argv = ["ipykernel_launcher"]
    from ipykernel.kernelapp import IPKernelApp

    app: Any = IPKernelApp
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"
    app.launch_instance(argv=["-f", connection_file, parent, "--HistoryManager.hist_file=:memory:"])
    os._exit(0)


if __name__ == "__main__":
    sys.path[0:1] = []  # this file's folder is no place to import from
    _answers = os.dup(1)
    os.dup2(2, 1)  # what an import prints is no answer
    _serve(sys.argv[1:], _answers)
