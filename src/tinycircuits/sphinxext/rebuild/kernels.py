"""Execution of one chapter in a kernel of its own."""

import os
import time
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tinycircuits.sphinxext.rebuild.forks import Kernel, socket_folder


class ChapterError(Exception):
    """A chapter's cell failed; the message names the chapter and the cell and holds the traceback."""


_QUIET = {"PYTHONWARNINGS": "ignore:IProgress not found"}
"""Keeps an ordinary kernel from warning that a progress bar is no widget."""


class _ForkProvisioner(LocalProvisioner):
    """Gets its kernel as a copy of a process that has imported the slow libraries."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel and return how to reach it."""
        manager: Any = self.parent
        kernel: Any = Kernel(manager.connection_file, str(kwargs["cwd"]))
        self.process = kernel
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


class _Client(NotebookClient):  # type: ignore[misc]
    forked: bool
    sockets: str

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        if socket_folder() is not None:
            # Sockets in a folder of their own: kernels side by side cannot take each other's port.
            manager.transport, manager.ip = "ipc", f"{self.sockets}/kernel"
        if self.forked:
            manager.provisioner = _ForkProvisioner(kernel_id="", kernel_spec=manager.kernel_spec, parent=manager)
        return manager


def execute(notebook: NotebookNode, *, name: str, cwd: str, timeout: int | None, forked: bool) -> float:
    """Execute ``notebook`` in place and return the seconds it took.

    Unless ``forked``, an ordinary kernel is started. Raises ``ChapterError`` when a cell fails, takes longer than
    ``timeout`` seconds, or ends its kernel.
    """
    client = _Client(notebook, timeout=timeout, record_timing=False, resources={"metadata": {"path": cwd}})
    client.forked = forked
    client.shutdown_kernel = "immediate"
    started = time.perf_counter()
    with TemporaryDirectory(prefix="tc-", dir=socket_folder()) as client.sockets:
        try:
            client.execute(env=os.environ | _QUIET)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ChapterError(f"{name}, {_place(notebook)}:\n{error}") from error
    return time.perf_counter() - started


def _place(notebook: NotebookNode) -> str:
    """Return which code cell of how many was the last to run, and the line where it starts."""
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    ran = [index for index in code if notebook.cells[index].get("execution_count") or notebook.cells[index].outputs]
    at = ran[-1] if ran else code[0]
    lines = notebook.metadata.get("source_map")
    where = f" (line {lines[at] + 1})" if lines else ""
    return f"code cell {code.index(at) + 1} of {len(code)}{where}"
