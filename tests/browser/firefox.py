"""Firefox, driven by the protocol that it speaks itself, Marionette: JSON over a socket, each with its length."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 120
"""Seconds for the start, and for a condition to come true."""


class Firefox:
    """One window."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream, self._sent = connection.makefile("rwb"), 0
        self._receive()  # it introduces itself
        self._ask("WebDriver:NewSession")

    def open(self, page: Path) -> None:
        """Load a page from the file system."""
        self._ask("WebDriver:Navigate", url=page.as_uri())

    def evaluate(self, script: str) -> Any:
        """What an expression of JavaScript is in the page."""
        return self._ask("WebDriver:ExecuteScript", script=f"return {script}", args=[])["value"]

    def press(self, label: str) -> None:
        """Press the mouse on the button that is called so, scrolled to the middle: at the edges something may lie."""
        css = f'button[aria-label="{label}"]'
        self.evaluate(f"document.querySelector({json.dumps(css)}).scrollIntoView({{ block: 'center' }})")
        found = self._ask("WebDriver:FindElement", using="css selector", value=css)["value"]
        (element,) = found.values()
        self._ask("WebDriver:ElementClick", id=element)

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true; raises ``TimeoutError``."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"{condition}: not true in Firefox within {PATIENCE} seconds")
            time.sleep(0.05)

    def _ask(self, command: str, **parameters: Any) -> Any:
        self._sent += 1
        message = json.dumps([0, self._sent, command, parameters]).encode()
        self._stream.write(b"%d:%b" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            if not (byte := self._stream.read(1)):
                raise ConnectionError("Firefox has ended")
            length += byte
        return json.loads(self._stream.read(int(length[:-1])))


@contextmanager
def firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """A Firefox without a window on the screen and with the network cut, whose profile is this empty folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nowhere = {"network.proxy.type": 1, "network.proxy.socks": "127.0.0.1", "network.proxy.socks_port": 9}
    settings = {"marionette.port": port, **nowhere}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items()]
    (profile / "user.js").write_text("".join(lines))
    command = [program, "--headless", "--marionette", "--no-remote", "--profile", profile]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with _connected(port) as connection:
            yield Firefox(connection)
    finally:
        running.kill()
        running.wait()


def _connected(port: int) -> socket.socket:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
