"""Real servers on loopback: started, waited for, asked, and ended."""

import json
import os
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(address: str, body: Any = None) -> tuple[int, bytes]:
    """GET, or POST JSON; return status and answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def serving(command: list[str], port: int, path: str, **options: Any) -> Iterator[str]:
    """Run a server until the block ends; yields its address once it answers on `path`."""
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, "the server ended by itself"
            assert time.monotonic() < end, "the server never answered"
            try:
                if ask(address + path)[0] == 200:
                    break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


class Wire:
    """Forwards connections to a server on loopback, until it is cut.

    Arguments:
        port: the server's port.

    Attributes:
        address: where it listens.
    """

    def __init__(self, port: int) -> None:
        self._port, self._own_port = port, free_port()
        self.address = f"http://127.0.0.1:{self._own_port}"
        self._connections: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.mend()

    def cut(self) -> None:
        """Refuse connections, and end those that there are."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener = None
        for connection in self._connections.copy():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Accept connections, again."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._own_port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with listener, suppress(OSError):
            while True:
                near, _ = listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as far:
            ends = {near, far}
            self._connections |= ends
            back = threading.Thread(target=self._forward, args=(far, near), daemon=True)
            back.start()
            self._forward(near, far)
            back.join()
            self._connections -= ends

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while received := source.recv(65536):
                sink.sendall(received)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
