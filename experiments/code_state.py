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
def code_state() -> CodeState:
    """Ask git about this project's own checkout."""
    top = _git("rev-parse", "--show-toplevel").strip()
    commit = _git("rev-parse", "HEAD").strip()
    if not commit or Path(top).resolve() != PROJECT:  # installed without git, or into someone else's checkout
        return CodeState("unknown", "unknown", "")
    status = _git("status", "--porcelain")
    new = _git("ls-files", "--others", "--exclude-standard", "--", "*.py").splitlines() if status else []
    added = "".join(_git("diff", "--no-index", "--", "/dev/null", name) for name in new)
    return CodeState(commit, "true" if status else "false", _git("diff", "HEAD") + added if status else "")


def _git(*arguments: str) -> str:
    """Return git's output; empty where git is missing or refuses. A diff's exit status of 1 is not a failure."""
    command = ["git", "-C", str(PROJECT), "-c", "core.quotePath=false", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode in (0, 1) else ""
