"""A real PostgreSQL on loopback, in a temporary folder."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port

PASSWORD = "s3cret"


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL; skip the test if it is not installed."""
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), shutil.which(name)]
    if found[0] is None:
        pytest.skip(f"PostgreSQL is not installed: there is no {name}")
    return str(found[0])


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL until the block ends; yields the address of a new, empty database, password included.

    The test is skipped where PostgreSQL or its driver is not installed.
    """
    pytest.importorskip("psycopg", reason='psycopg is not installed: pip install -e ".[postgres]"')
    initdb, server = _program("initdb"), _program("postgres")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    options: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.getuid() == 0:  # which PostgreSQL refuses
        nobody = pwd.getpwnam("nobody")
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    (folder / "password").write_text(PASSWORD)
    made = [initdb, "--pgdata=data", "--username=anna", "--auth=scram-sha-256", "--pwfile=password", "--no-sync"]
    subprocess.run([*made, "--encoding=UTF8", "--locale=C"], check=True, **options)
    port = free_port()
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    process = subprocess.Popen([server, "-D", str(folder / "data"), *words], **options)
    try:
        address = f"postgresql+psycopg://anna:{PASSWORD}@127.0.0.1:{port}/postgres"
        _wait_for(address, process)
        yield address
    finally:
        process.send_signal(signal.SIGINT)  # ends it, and cuts off who is still connected
        process.wait(30)
        shutil.rmtree(folder)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    import psycopg

    end = time.monotonic() + 60
    while True:
        assert process.poll() is None, "PostgreSQL ended by itself"
        assert time.monotonic() < end, "PostgreSQL never answered"
        try:
            psycopg.connect(address.replace("+psycopg", "")).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
