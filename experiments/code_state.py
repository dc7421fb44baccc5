"""The state of the code that runs: its git commit, and the changes since, as a diff that `git apply` takes."""

import functools
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent

MAX_DIFF = 1_000_000
"""The longest diff that is recorded, in bytes."""

CODE = ("rnn_core", "analysis", "experiments", "MLproject", "conda.yaml", "pyproject.toml")
"""The files and folders that decide what a run does. Tests, benchmarks and the site do not."""

NO_CODE = (":(exclude)*.ipynb", ":(exclude)*.md", ":(exclude)*/.ipynb_checkpoints/*")
"""Paths in them, as git writes them, that do not: a notebook changes whenever it is saved."""

NEW_CODE = tuple(f"{folder}/*.py" for folder in CODE[:3])
"""Paths, as git writes them, whose files count even if git does not know them, or is told to ignore them."""

# Everything of a diff that the person's own settings would change, and the checks of a git that somebody else owns:
# the code in it runs already.
SETTINGS = {
    "color.ui": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.quotePath": "true",
    "core.splitIndex": "false",
    "diff.suppressBlankEmpty": "false",
    "safe.directory": "*",
}
PLAIN = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-relative", "-O/dev/null"),
    *("--binary", "--unified=3", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/"),
    *("--submodule=short", "--ignore-submodules=dirty"),
)

KEPT_VARIABLES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_EXEC_PATH")
"""The variables of git that say how it is installed. Others, such as GIT_DIR, may name another repository."""


@dataclass(frozen=True)
class CodeState:
    """The state of a git checkout.

    Attributes:
        commit: the hash of the commit; "unknown" outside a checkout.
        dirty: "true" if the code has changed since the commit, else "false"; "unknown" outside a checkout.
        diff: the changes since the commit, new Python files included; empty if there are none. `git apply` turns the
            commit into the code with it.
        left_out: the paths of files whose changes the diff leaves out, as git writes them, because it would be longer
            than MAX_DIFF.
    """

    commit: str
    dirty: str
    diff: bytes = b""
    left_out: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A text that is equal for equal states."""
        return hashlib.sha256(self.commit.encode() + self.diff).hexdigest()


@functools.cache  # edits of files that are imported already do not change the code that runs
def code_state(project: Path = PROJECT) -> CodeState:
    """Return the state of the checkout whose top folder is `project`, by default that of this code."""
    top, _, commit = os.fsdecode(_git(project, "rev-parse", "--show-toplevel", "HEAD") or b"").strip().rpartition("\n")
    # The checkout may be another project's, with this one installed in a folder inside it.
    if not top or Path(top).resolve() != project.resolve():
        return CodeState("unknown", "unknown")
    diff = _diff(project)
    if diff is None:
        return CodeState(commit, "unknown")
    return CodeState(commit, "true" if diff else "false", *_shortened(diff))


def _diff(project: Path) -> bytes | None:
    """Return the changes of the code since the commit; None if git fails."""
    with tempfile.TemporaryDirectory() as folder:
        # An index of its own: the person's may say that a file is unchanged, removed or in conflict.
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        parts = [_git(project, "read-tree", "HEAD", variables=index)]
        new = _git(project, "ls-files", "--others", "-z", "--", *NEW_CODE, *NO_CODE, variables=index)
        parts.append(_git(project, "diff", *PLAIN, "HEAD", "--", *CODE, *NO_CODE, variables=index))
        names = [os.fsdecode(name) for name in (new or b"").split(b"\0") if name]
        parts += [_git(project, "diff", "--no-index", *PLAIN, "--", "/dev/null", name) for name in names]
    known = [part for part in parts if part is not None]
    return b"".join(known) if new is not None and len(known) == len(parts) else None


def _shortened(diff: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a diff without the longest of its files if it is longer than MAX_DIFF, and the paths that it leaves out.

    The diff then begins with lines that say so, which `git apply` passes over.
    """
    if len(diff) <= MAX_DIFF:
        return diff, ()
    files = re.split(rb"^(?=diff --git )", diff, flags=re.MULTILINE)[1:]
    by_length, room = sorted(range(len(files)), key=lambda number: len(files[number])), MAX_DIFF
    kept = set()
    for number in by_length:
        room -= len(files[number])
        if room < 0:
            break
        kept.add(number)
    left_out = {_path(file): len(file) for number, file in enumerate(files) if number not in kept}
    head = [f"left out, because this file would be longer than {MAX_DIFF} bytes:"]
    head += [f"  {path} ({size} bytes of changes)" for path, size in left_out.items()]
    text = "\n".join(head).encode() + b"\n\n"
    return text + b"".join(files[number] for number in sorted(kept)), tuple(left_out)


def _path(file_diff: bytes) -> str:
    """Return the path of the file that a part of a diff changes: `diff --git a/PATH b/PATH` holds it twice."""
    both = file_diff.partition(b"\n")[0].removeprefix(b"diff --git ")
    return both[: len(both) // 2].decode(errors="replace").replace("a/", "", 1)


def _git(project: Path, *arguments: str, variables: Mapping[str, str] | None = None) -> bytes | None:
    """Return what git prints; None if git is not installed or fails. `git diff` also succeeds with exit status 1.

    Arguments:
        project: the folder to run it in.
        arguments: its command line.
        variables: the variables of its environment besides this process's, of which those of git are left out.
    """
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("GIT_")}
    environment |= {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {"GIT_OPTIONAL_LOCKS": "0"} | dict(variables or {})
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    command = ["git", "-C", str(project), *settings, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode in (0, 1) else None
