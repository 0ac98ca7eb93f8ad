"""The process that runs a chapter's cells: IPython's kernel without settings or start-up files, wherever they lie."""

import os
import sys
from typing import Any

from ipykernel import kernelapp


class IPKernelApp(kernelapp.IPKernelApp):
    """Has the name by which the options of the command line call it."""

    def load_config_file(self, *arguments: Any, **options: Any) -> None:
        """Load nothing."""

    def _run_startup_files(self) -> None:
        """Run nothing."""


def run(connection_file: str) -> None:
    """Be the kernel that listens as ``connection_file`` says, until it is told to end."""
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # without one it says at length how to be stopped
    IPKernelApp.launch_instance(argv=["-f", connection_file, parent, "--HistoryManager.hist_file=:memory:"])


if __name__ == "__main__":
    run(sys.argv[1])
