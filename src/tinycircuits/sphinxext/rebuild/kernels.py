"""Execution of one chapter in a kernel of its own."""

import asyncio
import atexit
import json
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tinycircuits.sphinxext.rebuild.forks import Kernel, socket_folder

STORE_ERRORS = ("StoreError", "MissingResult", "CorruptResult")
"""Errors of the store, as a kernel names them; their messages say which file and which command helps."""

_COMMAND = [sys.executable, "-P", "-m", "tinycircuits.sphinxext.rebuild.kernel", "{connection_file}"]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 8_000
_LINE = 600
"""Characters of a traceback that are shown, its last ones, and of a message, its first ones."""


class ChapterError(Exception):
    """A chapter did not run to its end: in which of its cells, and what happened there, in one line.

    ``stored`` says that the fault is not the chapter's: what it loads is missing or damaged.
    """

    def __init__(self, chapter: str, place: str, what: str, traceback: str = "", *, stored: bool = False) -> None:
        super().__init__(f"{chapter}, {place}: {what}")
        self.chapter, self.what, self.traceback, self.stored = chapter, what, traceback, stored


@dataclass(frozen=True)
class Bounds:
    """What a cell may take: seconds, characters of text that it prints, and characters of all that it shows."""

    seconds: int | None
    printed: int
    shown: int


class _ForkProvisioner(LocalProvisioner):
    """Gets its kernel as a copy of a process that has imported the slow libraries."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel and return how to reach it."""
        manager: Any = self.parent
        kernel: Any = Kernel(manager.connection_file, str(kwargs["cwd"]), kwargs["env"])
        self.process = kernel
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


class _Client(NotebookClient):  # type: ignore[misc]
    forked: bool
    sockets: str
    bounds: Bounds
    excess = ""
    """Says by how much a cell has gone over its bounds."""
    at: int | None = None
    """The index of the cell that was begun last."""

    def create_kernel_manager(self) -> Any:
        manager = super().create_kernel_manager()
        # Our own command: what is called python3 elsewhere on this machine may be anything.
        manager._kernel_spec = KernelSpec(argv=_COMMAND, name="python3", language="python")
        manager.connection_file = f"{self.sockets}/kernel.json"
        if socket_folder() is not None:
            # Sockets in a folder of their own: kernels side by side cannot take each other's port.
            manager.transport, manager.ip = "ipc", f"{self.sockets}/kernel"
        if self.forked:
            manager.provisioner = _ForkProvisioner(kernel_id="", kernel_spec=manager.kernel_spec, parent=manager)
        return manager

    def begin(self, cell: NotebookNode, cell_index: int) -> None:
        """Note which cell is begun."""
        self.at = cell_index

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], *rest: Any) -> Any:
        """Take an output of a cell, unless the cell has shown more than it may: then it is stopped."""
        printed, shown = map(sum, zip(*[_size(found) for found in [*outs, msg["content"]]], strict=True))
        for size, bound, does in ((printed, self.bounds.printed, "prints"), (shown, self.bounds.shown, "shows")):
            if size > bound:
                self.excess = f"it {does} {size:,} characters or more, and a cell may have {bound:,} (see _config.yml)"
                self.task_poll_for_reply.cancel()
                return None
        return super().output(outs, msg, *rest)


def _size(output: Mapping[str, Any]) -> tuple[int, int]:
    """The characters of an output's text and those of all of it."""
    text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
    return len(text), len(text) + sum(len(json.dumps(value)) for value in output.get("data", {}).values())


def execute(
    notebook: NotebookNode, *, name: str, cwd: str, bounds: Bounds, environment: Mapping[str, str], forked: bool
) -> float:
    """Execute ``notebook`` in place and return the seconds it took.

    Unless ``forked``, an ordinary kernel is started. Raises ``ChapterError`` when a cell fails, goes over its
    ``bounds``, or ends its kernel.
    """
    client = _Client(notebook, timeout=bounds.seconds, record_timing=False, resources={"metadata": {"path": cwd}})
    client.forked, client.bounds = forked, bounds
    client.shutdown_kernel = "immediate"
    client.on_cell_execute = client.begin  # a kernel that dies at once says nothing of its cell
    client.log.setLevel("CRITICAL")  # what goes wrong is said once, at the end
    started = time.perf_counter()
    with TemporaryDirectory(prefix="tc-", dir=socket_folder()) as client.sockets:
        try:
            asyncio.run(client.async_execute(env=dict(environment)))  # which leaves no task behind
        except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
            raise _explained(error, client, name) from error
        finally:
            atexit.unregister(client._cleanup_kernel)  # a kernel that did not start has been cleaned up
    return time.perf_counter() - started


def _explained(error: Exception, client: _Client, chapter: str) -> ChapterError:
    place = _place(client.nb, client.at)
    if client.excess:
        return ChapterError(chapter, place, client.excess)
    if isinstance(error, CellExecutionError):
        first = next(iter(_COLOURS.sub("", error.evalue).strip().splitlines()), "")[:_LINE]
        stored = error.ename in STORE_ERRORS
        what = first if stored else f"{error.ename}: {first}".removesuffix(": ")
        return ChapterError(chapter, place, what, str(error)[-_LONGEST:], stored=stored)
    if isinstance(error, CellTimeoutError):
        return ChapterError(chapter, place, f"timed out: it takes longer than {client.bounds.seconds} seconds")
    if isinstance(error, DeadKernelError):
        return ChapterError(chapter, place, "Kernel died: the cell ended its process, or the memory was full")
    return ChapterError(chapter, place, f"the kernel did not start: {error}")


def _place(notebook: NotebookNode, at: int | None) -> str:
    """Which code cell of how many was begun last, and the line where it starts."""
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    at = code[0] if at is None else at
    lines = notebook.metadata.get("source_map")
    where = f" (line {lines[at] + 1})" if lines else ""
    return f"code cell {code.index(at) + 1} of {len(code)}{where}"
