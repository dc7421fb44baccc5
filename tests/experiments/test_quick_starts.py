"""Help, lists, and refusals that need the flags alone import neither torch nor MLflow, which takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

import experiments

HEAVY = ("distributed", "matplotlib", "mlflow", "pandas", "torch")

COMMANDS = [
    path.stem
    for path in sorted(Path(experiments.__file__).parent.glob("*.py"))
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
]


def heavy_modules(command: str, *arguments: str) -> tuple[str, list[str]]:
    """Run a command in a process of its own; return its output and which of the heavy modules it has imported."""
    code = f"""
import sys
from experiments.{command} import main
try:
    status = main({list(arguments)!r})
except SystemExit as end:
    status = end.code
print("status", status, *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    *lines, last = done.stdout.splitlines()
    _, status, *heavy = last.split()
    return "\n".join([*lines, f"status {status}"]), heavy


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_quick(command: str) -> None:
    output, heavy = heavy_modules(command, "--help")
    assert output.startswith(f"usage: python -m experiments.{command}")
    assert heavy == []


@pytest.mark.parametrize("arguments", [(), ("dyck",), ("flipflop:2",)])
def test_patterns_are_listed_quickly(arguments: tuple[str, ...]) -> None:
    output, heavy = heavy_modules("patterns", *arguments)
    assert output.endswith("status 0")
    assert heavy == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("train", ["--pattern", "dyck:99"]),
        ("train", ["--hidden-size", "0"]),
        ("train", ["--cell", "gru", "--no-such-flag", "3"]),
        ("train", ["--epochs", "many"]),
        ("sweep", ["--hidden-sizes", "2,x"]),
        ("sweep", ["--patterns", "dyck:99"]),
        ("sweep", ["--cells", "rnn,none"]),
        ("sweep", ["--grid", "no_such_file.toml"]),
        ("sweep", ["--workers", "0"]),
        ("generate", ["latest", "--temperature", "-1"]),
        ("generate", ["latest", "--sed", "1"]),
        ("delete", []),
        ("notebooks", ["99"]),
        ("patterns", ["dyck:99"]),
    ],
)
def test_what_flags_alone_show_to_be_wrong_is_refused_quickly(command: str, arguments: list[str]) -> None:
    output, heavy = heavy_modules(command, *arguments)
    assert output.startswith("error: ")
    assert output.endswith("status 2")
    assert heavy == []
