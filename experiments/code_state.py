"""Which code is running: the git commit, and what was changed since."""

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class CodeState:
    """The state of the checkout that the code runs from.

    Attributes:
        commit: the commit's hash, or "unknown" outside a checkout.
        dirty: "true" or "false", or "unknown" outside a checkout.
        diff: what was changed since the commit, new Python files included; empty where nothing was.
    """

    commit: str
    dirty: str
    diff: str


@functools.cache  # what runs is what was imported, whatever is edited meanwhile
def code_state(project: Path = PROJECT) -> CodeState:
    """Ask git about a project's own checkout, by default the one that this code runs from."""
    top, commit = _git(project, "rev-parse", "--show-toplevel"), _git(project, "rev-parse", "HEAD")
    if not top or not commit or Path(top.strip()).resolve() != project.resolve():  # none, or someone else's
        return CodeState("unknown", "unknown", "")
    status = _git(project, "status", "--porcelain")
    if status is None:
        return CodeState(commit.strip(), "unknown", "")
    if not status:
        return CodeState(commit.strip(), "false", "")
    new = _git(project, "ls-files", "--others", "--exclude-standard", "--", "*.py") or ""
    added = [_git(project, "diff", "--no-index", "--", "/dev/null", name) or "" for name in new.splitlines()]
    return CodeState(commit.strip(), "true", "".join([_git(project, "diff", "HEAD") or "", *added]))


def _git(project: Path, *arguments: str) -> str | None:
    """Return git's output, None where git is missing or refuses. A diff's exit status of 1 is not a failure."""
    command = ["git", "-C", str(project), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode in (0, 1) else None
