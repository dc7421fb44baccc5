"""Keeps the state of a training in a file beside the tracking store, so that a training that is cut off can go on."""

import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from analysis.runs import schema
from analysis.runs.address import store_folder
from rnn_core.data import Prepared
from rnn_core.limits import device_kind
from rnn_core.training.compiled_net import road_alone
from rnn_core.training.state_file import State, write_state

SAVE_SECONDS = 30.0
"""The time between two savings of a training."""

FOLDER = "checkpoints"
"""The folder of the files, in that of the store's database; if the store is a server, in that of the project."""

SUFFIX = ".safetensors"


def checkpoint_folder() -> Path:
    """Return the folder of all checkpoints of the store that MLflow uses."""
    return store_folder() / FOLDER


def checkpoint_path(name: str) -> Path:
    """Return the file of a checkpoint.

    Arguments:
        name: the run id of a single run; for the nets of a sweep that are trained together, the name of their shard.
    """
    return checkpoint_folder() / f"{name}{SUFFIX}"


def owner_id(path: Path) -> str:
    """Return the id of the single run, or of the sweep, whose training a checkpoint holds.

    The name of the file decides: another sweep that goes on with a training renames it.
    """
    return path.stem.partition("-")[0]


def circumstances(prepared: Prepared) -> dict[str, str]:
    """Return, by the names of a run's tags, what must be the same where the training of a net goes on bit for bit.

    The number of torch's threads is set to that of the config.
    """
    torch.set_num_threads(prepared.config.threads)
    return {
        schema.TORCH_TAG: torch.__version__,
        schema.THREADS_TAG: str(torch.get_num_threads()),
        schema.DEVICE_KIND_TAG: device_kind(prepared.config.device),
        schema.ROAD_TAG: road_alone(prepared.record),
    }


def lock_path() -> Path:
    """Return the file that a program locks while it takes over a checkpoint; its folder is made."""
    checkpoint_folder().mkdir(parents=True, exist_ok=True)
    return checkpoint_folder() / ".lock"


class Checkpoint:
    """The file in which one training is saved now and then.

    Arguments:
        name: see `checkpoint_path`.
        about: what the reader needs to know of the training, in a form that JSON can hold.
        tell: a function that is called with the path when the file is first written.

    Attributes:
        path: the file.
        about: see above.
        written: whether the training has been saved.
    """

    def __init__(self, name: str, about: Mapping[str, Any], tell: Callable[[Path], object] = lambda _: None) -> None:
        self.path = checkpoint_path(name)
        self.about, self._tell = about, tell
        self.written = self._failed = False
        self._last = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether SAVE_SECONDS have passed since the last saving, or since the beginning."""
        return time.monotonic() - self._last >= SAVE_SECONDS

    def write(self, state: State) -> None:
        """Save the state of the training; a disk that cannot be written is said once, and ends no training.

        Arguments:
            state: the state, between two windows.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_state(self.path, state, self.about)
        except (OSError, SafetensorError) as error:
            if not self._failed:
                print(f"the state of the training cannot be saved in {self.path}: {error}", file=sys.stderr, flush=True)
            self._failed = True
            return
        finally:
            self._last = time.monotonic()
        if not self.written:
            self.written = True
            self._tell(self.path)

    def delete(self) -> None:
        """Delete the file, and its folder if it is empty then."""
        delete_checkpoint(self.path)


def delete_checkpoints_of(run_id: str) -> None:
    """Delete the checkpoints of a single run, or of the shards of a sweep."""
    for path in checkpoint_folder().glob(f"{run_id}*{SUFFIX}"):
        delete_checkpoint(path)


def delete_checkpoint(path: Path) -> None:
    """Delete a checkpoint and what a crash left half-written of it; and the folder, if nothing else is in it."""
    for file in (path, path.with_name(f"{path.name}.unfinished")):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds the checkpoints of other trainings, or is not there
        if {entry.name for entry in path.parent.iterdir()} <= {".lock"}:
            (path.parent / ".lock").unlink(missing_ok=True)
            path.parent.rmdir()
