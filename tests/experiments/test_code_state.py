"""Which code ran: the recorded diff gives it back, whatever git is told, and names what it leaves out."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments.code_state import CODE, CodeState, code_state
from experiments.delete import main as delete
from experiments.sweep import main as sweep
from experiments.train import main

LINES = "".join(f"x{number} = {number}\n\n" for number in range(40))


def git(folder: Path, *arguments: str) -> str:
    """Run git with no settings but the repository's own; return what it prints."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(
        ["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, env=environment
    )
    return done.stdout.decode()


def changed(path: Path) -> None:
    """Change two lines that are far from each other."""
    path.write_text(LINES.replace("= 3\n", "= 30\n").replace("= 33\n", "= 330\n"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean checkout with code, a binary file, a notebook and documents; the person's settings are empty."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "checkout"
    for path in ("rnn_core", "analysis/notebooks", "experiments", "docs", "tests"):
        (folder / path).mkdir(parents=True)
    for path in ("rnn_core/old.py", "rnn_core/other.py", "experiments/train.py", "tests/test_old.py", "MLproject"):
        (folder / path).write_text(LINES)
    for path in ("rnn_core/data.bin", "docs/loss.png"):
        (folder / path).write_bytes(bytes(range(256)))
    for path in ("README.md", "analysis/notebooks/01.ipynb"):
        (folder / path).write_text("{}\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Begin")
    code_state.cache_clear()
    return folder


def code(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the kind, mode and content of each file that counts, by path."""
    files = [path for name in CODE for path in (folder / name, *(folder / name).rglob("*"))]
    files = [path for path in files if path.suffix not in (".ipynb", ".md") and (path.is_symlink() or path.is_file())]
    contents = [str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() for path in files]
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, content)
        for path, content in zip(files, contents, strict=True)
    }


def check_gives_back(checkout: Path, state: CodeState) -> None:
    """Check that `git apply` turns the recorded commit into the code of a checkout."""
    clone = checkout.parent / "clone"
    git(checkout.parent, "clone", "-q", str(checkout), str(clone))
    git(clone, "checkout", "-q", state.commit)
    (checkout.parent / "git.diff").write_bytes(state.diff)
    assert code(clone) != code(checkout)
    git(clone, "apply", "--whitespace=nowarn", str(checkout.parent / "git.diff"))
    assert code(clone) == code(checkout)


def change_all(checkout: Path) -> None:
    """Change, add, rename and delete files of every kind."""
    changed(checkout / "rnn_core" / "old.py")
    (checkout / "rnn_core" / "old.py").chmod(0o755)
    (checkout / "rnn_core" / "data.bin").write_bytes(bytes(range(255, -1, -1)))
    (checkout / "rnn_core" / "other.py").rename(checkout / "rnn_core" / "renamed.py")
    (checkout / "experiments" / "train.py").unlink()
    (checkout / "experiments" / "train.py").symlink_to("elsewhere.py")
    for name in ("a ü.py", 'a "quote".py', "a\ttab.py", "a\nline.py", "-dash.py", "__init__.py"):
        (checkout / "rnn_core" / name).write_text("" if name == "__init__.py" else f"name = {name!r}")
    (checkout / "rnn_core" / "latin.py").write_bytes("# coding: latin-1\r\nname = 'ü'\r\n".encode("latin-1"))
    (checkout / "analysis" / "link.py").symlink_to("../rnn_core/old.py")


def test_the_diff_gives_back_files_of_every_kind(checkout: Path) -> None:
    change_all(checkout)
    state = code_state(checkout)
    assert (state.dirty, state.left_out) == ("true", ())
    check_gives_back(checkout, state)


SETTINGS = {
    "color.ui": "always",
    "core.excludesFile": "~/ignored",
    "core.pager": "false",
    "core.quotePath": "false",
    "diff.context": "0",
    "diff.external": "echo",
    "diff.interHunkContext": "9",
    "diff.mnemonicPrefix": "true",
    "diff.noprefix": "true",
    "diff.orderFile": "/nowhere",
    "diff.relative": "true",
    "diff.renames": "copies",
    "diff.submodule": "log",
    "diff.suppressBlankEmpty": "true",
    "diff.up.textconv": "tr a-z A-Z <",
    "diff.up.command": "echo",
    "alias.diff": "!false",
    "status.showUntrackedFiles": "no",
}
"""A person's settings of git, each of which has changed, hidden or broken a diff."""


def test_the_diff_is_the_same_whatever_git_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_all(checkout)
    plain = code_state(checkout)
    home = checkout.parent
    (home / "ignored").write_text("*.py\n")
    (checkout / ".git" / "info" / "attributes").write_text("*.py diff=up\n")
    for name, value in SETTINGS.items():
        git(home, "config", "--file", str(home / ".gitconfig"), name, value)
    other = home / "other"
    git(home, "init", "-q", str(other))
    for name, value in {
        "GIT_DIR": f"{other}/.git",
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": f"{other}/index",
        "GIT_DIFF_OPTS": "-u0",
        "GIT_EXTERNAL_DIFF": "echo",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "diff.context",
        "GIT_CONFIG_VALUE_0": "0",
    }.items():
        monkeypatch.setenv(name, value)
    code_state.cache_clear()
    assert code_state(checkout) == plain


def assume(checkout: Path) -> None:
    changed(checkout / "rnn_core" / "old.py")
    git(checkout, "update-index", "--assume-unchanged", "rnn_core/old.py")


def remove_from_index(checkout: Path) -> None:
    changed(checkout / "rnn_core" / "old.py")
    git(checkout, "rm", "-q", "--cached", "rnn_core/old.py")


def conflict(checkout: Path) -> None:
    path = checkout / "rnn_core" / "old.py"
    changed(path)
    git(checkout, "commit", "-qam", "Change")
    git(checkout, "checkout", "-qb", "other", "HEAD~1")
    path.write_text("x = 1\n")
    git(checkout, "commit", "-qam", "Change it otherwise")
    with pytest.raises(subprocess.CalledProcessError):
        git(checkout, "merge", "-q", "@{-1}")


def only_new(checkout: Path) -> None:
    (checkout / "experiments" / "new.py").write_text("y = 1\n")


@pytest.mark.parametrize("change", [assume, remove_from_index, conflict, only_new])
def test_the_diff_is_of_the_files_whatever_the_index_says(change: Callable[[Path], None], checkout: Path) -> None:
    change(checkout)
    state = code_state(checkout)
    assert state.dirty == "true"
    check_gives_back(checkout, state)


def test_what_does_not_run_leaves_the_code_clean(checkout: Path) -> None:
    clean = code_state(checkout)
    assert clean == CodeState(git(checkout, "rev-parse", "HEAD").strip(), "false")
    for path in ("README.md", "docs/loss.png", "tests/test_old.py", "tests/new.py", "analysis/notebooks/01.ipynb"):
        (checkout / path).write_text("changed\n")
    checkpoints = checkout / "analysis" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "draft.py").touch()
    code_state.cache_clear()
    assert code_state(checkout) == clean


def test_a_long_diff_leaves_out_the_longest_files_and_names_them(checkout: Path) -> None:
    """What is left can be applied, and the file begins with what is missing."""
    change_all(checkout)
    (checkout / "rnn_core" / "data.bin").write_bytes(os.urandom(3_000_000))
    (checkout / "rnn_core" / "long ü.py").write_text("x = 1\n" * 400_000)
    state = code_state(checkout)
    assert len(state.left_out) == 2
    assert state.left_out[0] == "rnn_core/data.bin"
    said = state.diff.decode(errors="replace").splitlines()[:3]
    assert said[0] == "left out, because this file would be longer than 1000000 bytes:"
    assert [line.startswith(f"  {path} (") for line, path in zip(said[1:], state.left_out, strict=True)] == [True, True]
    (checkout / "rnn_core" / "data.bin").write_bytes(bytes(range(256)))
    (checkout / "rnn_core" / "long ü.py").unlink()
    check_gives_back(checkout, state)


def test_the_code_of_a_repository_that_somebody_else_owns_is_known(checkout: Path) -> None:
    if os.getuid():
        pytest.skip("only root can give files away")
    changed(checkout / "rnn_core" / "old.py")
    for path in (checkout, *checkout.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    assert code_state(checkout).dirty == "true"


def test_code_that_is_in_no_checkout_of_its_own_is_unknown(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = CodeState("unknown", "unknown")
    assert code_state(checkout / "rnn_core") == unknown, "a folder of another project's checkout"
    assert code_state(tmp_path) == unknown
    git(tmp_path, "init", "-q", "new")
    assert code_state(tmp_path / "new") == unknown, "no commit"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_state(checkout) == unknown, "no git"


@pytest.fixture
def dirty(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> CodeState:
    """Let runs be made by changed code, whose diff is not UTF-8."""
    change_all(checkout)
    state = code_state(checkout)
    for module in ("tracked_run", "tracked_sweep"):
        monkeypatch.setattr(f"experiments.tracking.{module}.code_state", lambda: state)
    return state


def recorded() -> list[Run]:
    """Return what is recorded, the oldest first."""
    return list(MlflowClient().search_runs(["0"], order_by=["attributes.start_time ASC"]))


def diff_of(run: Run) -> bytes | None:
    """Return the diff that a run has recorded; None if it has none."""
    if "git.diff" not in [file.path for file in MlflowClient().list_artifacts(run.info.run_id)]:
        return None
    return Path(MlflowClient().download_artifacts(run.info.run_id, "git.diff")).read_bytes()


def test_changed_code_travels_with_a_run(store: Path, dirty: CodeState) -> None:
    assert main(["--epochs", "1"]) == 0
    (run,) = recorded()
    assert (run.data.tags["git_commit"], run.data.tags["git_dirty"]) == (dirty.commit, "true")
    assert "git_diff" not in run.data.tags
    assert diff_of(run) == dirty.diff


def test_changed_code_is_recorded_once_for_a_sweep(
    store: Path, dirty: CodeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sweep(["--hidden-sizes", "2", "--epochs", "1", "--seeds", "2"]) == 0
    first, *children = recorded()
    assert diff_of(first) == dirty.diff
    for run in children:
        assert (run.data.tags["git_commit"], run.data.tags["git_dirty"]) == (dirty.commit, "true")
        assert run.data.tags["git_diff"] == f"git.diff of {first.info.run_id}"
        assert diff_of(run) is None
    # A sweep that uses a run of the first one takes it over, with its diff, when that is deleted.
    other = CodeState(dirty.commit, "true", b"other", ("rnn_core/data.bin",))
    monkeypatch.setattr("experiments.tracking.tracked_run.code_state", lambda: other)
    assert sweep(["--hidden-sizes", "2", "--epochs", "1,2", "--seeds", "1"]) == 0
    assert delete([first.info.run_id, "--yes"]) == 0
    by_epochs = {run.data.params["epochs"]: run for run in recorded()}
    assert diff_of(by_epochs["1"]) == dirty.diff
    assert "git_diff" not in by_epochs["1"].data.tags
    # Made by other code than the sweep's, as on another machine.
    assert diff_of(by_epochs["2"]) == b"other"
    assert by_epochs["2"].data.tags["git_diff"] == "git.diff without rnn_core/data.bin"
