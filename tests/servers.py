"""Real servers on loopback: started, waited for, asked, and ended."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
