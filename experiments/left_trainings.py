"""Finds the trainings that sweeps left saved when they were killed, so that another start can go on with them."""

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.runs.life import is_alive
from analysis.runs.store import find_run
from experiments.checkpoint_files import SUFFIX, checkpoint_folder, checkpoint_path, delete_checkpoint, owner_id
from experiments.shards import Shard
from rnn_core.checkpoint import CheckpointError
from rnn_core.training.state_file import read_about


@dataclass(frozen=True)
class LeftTraining:
    """A training that a sweep which is no longer at work left saved.

    Attributes:
        path: its file.
        digests: the digests of its missing runs; those that share a net stand together.
    """

    path: Path
    digests: tuple[str, ...]

    def take_over(self, shard: Shard) -> None:
        """Rename the file to that of a shard. If another sweep was faster, the shard is trained from the start."""
        with contextlib.suppress(OSError):
            self.path.rename(checkpoint_path(shard.checkpoint_name))


def left_trainings(missing: Collection[str], recorded: Collection[str]) -> Iterator[LeftTraining]:
    """Yield the saved trainings of sweeps that are not at work and that hold a missing run, each such run only once.

    A saved training all of whose runs are recorded is deleted.

    Arguments:
        missing: the digests of the runs that are to be made.
        recorded: the digests of the runs that need not be made.
    """
    missing = set(missing)
    for path in sorted(checkpoint_folder().glob(f"*-*{SUFFIX}")):
        with contextlib.suppress(CheckpointError, KeyError):
            about = read_about(path)
            digests = [digest for of_net in about["digests"] for digest in of_net]
            owner = find_run(owner_id(path))
            if owner is not None and is_alive(owner):
                continue
            if set(digests) <= set(recorded):
                delete_checkpoint(path)
            elif wanted := tuple(digest for digest in digests if digest in missing):
                missing.difference_update(wanted)
                yield LeftTraining(path, wanted)
