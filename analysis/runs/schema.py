"""The schema of a run's record in MLflow: its files, its tags, and how a run can end. Writer and readers import it.

Records that are in somebody's store were written with these names and texts, so none of them may change.
"""

from collections.abc import Mapping
from enum import StrEnum

# Named in rnn_core, which a served model carries, and handed on here.
from rnn_core.checkpoint import CONFIG_FILE as CONFIG_FILE
from rnn_core.checkpoint import WEIGHTS_FILE as WEIGHTS_FILE

# Files of a run's artifacts.
CURVES_FILE = "curves.csv"
REACH_FILE = "generalization.csv"
DIFF_FILE = "git.diff"
PLOTS_FOLDER = "plots"

# Files of a sweep's artifacts, which has plots, too.
GRID_FILE = "grid.toml"
GRID_GIVEN_FILE = "grid_given.toml"
RUNS_FILE = "runs.csv"
RESULTS_FILE = "results.csv"

MODEL_NAME = "model"
"""The name of the logged model that holds a run's net."""

MODEL_FOLDER = "artifacts"
"""Where config.json and the weights lie in a logged model's files; MLflow says so."""

# Tags of a run.
DIGEST_TAG = "config_digest"
END_REASON_TAG = "end_reason"
RECIPE_TAG = "recipe"
COMMIT_TAG = "git_commit"
DIRTY_TAG = "git_dirty"
TORCH_TAG = "torch_version"
THREADS_TAG = "threads"
DEVICE_TAG = "device"
SHARD_TAG = "shard"

# Tags of whoever is at work: a machine's name, a process, and when it last said that it lives, in seconds since 1970.
HOST_TAG = "host"
PID_TAG = "pid"
HEARTBEAT_TAG = "heartbeat"

KIND_TAG = "kind"
"""What a record is of. Sweeps have it; runs, and sweeps that are older than it, have none."""

SWEEP_KIND = "sweep"

# Tags that MLflow itself reads.
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"
DATA_CONTEXT_TAG = "mlflow.data.context"

_MEMBER_OF = "sweep."
_MEMBER = "member"


class End(StrEnum):
    """How a run ended, or that it has not."""

    FINISHED = "finished"
    """Trained to its last epoch, and recorded with its net."""
    DIVERGED = "diverged"
    """Its loss, or a loss of the trained net, was not finite. It has come to its end, but has no net."""
    KILLED = "killed"
    """Stopped by a signal, or its process is gone."""
    FAILED = "failed"
    """Anything else that went wrong, before, in or after the training."""
    RUNNING = "running"
    """Still at work, or its process died and nobody has noticed yet."""

    @property
    def status(self) -> str:
        """MLflow's status of a run that ended so."""
        return {End.DIVERGED: End.FAILED}.get(self, self).upper()


COMPLETE = (End.FINISHED, End.DIVERGED)
"""The ends of a run that came to its end: another try would come to the same."""

RECORDING_FAILED = "recording failed"
"""How the tag end_reason begins where a training went well, and the store or the disk did not: try again."""


def read_end(status: str, tags: Mapping[str, str]) -> End:
    """Return how a run ended.

    Arguments:
        status: MLflow's: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
        tags: the run's.
    """
    reason = tags.get(END_REASON_TAG, "")
    if status == End.RUNNING.status:
        return End.RUNNING
    if reason.startswith(f"{End.DIVERGED}:"):
        return End.DIVERGED
    if status == End.FINISHED.status and reason == End.FINISHED:
        return End.FINISHED
    return End.KILLED if status == End.KILLED.status else End.FAILED


def write_end(end: End, why: str = "") -> str:
    """Return the text of the tag end_reason.

    Arguments:
        end: how a run ended; not RUNNING.
        why: for DIVERGED and FAILED what went wrong, for KILLED by what and when. FAILED and KILLED are known by
            MLflow's status, so that their text may also have another form than this.

    Example:
        >>> write_end(End.FINISHED), write_end(End.DIVERGED, "the loss became nan in epoch 3")
        ('finished', 'diverged: the loss became nan in epoch 3')
    """
    if end == End.FINISHED:
        return str(end)
    return why if end == End.KILLED else f"{end}: {why}"


_HAS_STATUS = "attributes.status = '{}'"

FIND_END = {
    End.RUNNING: _HAS_STATUS.format(End.RUNNING.status),
    End.FINISHED: f"{_HAS_STATUS.format(End.FINISHED.status)} AND tags.{END_REASON_TAG} = '{End.FINISHED}'",
    End.DIVERGED: f"attributes.status != '{End.RUNNING.status}' AND tags.{END_REASON_TAG} LIKE '{End.DIVERGED}:%'",
}
"""Conditions of MLflow's search that find the runs which `read_end` says ended so."""

FIND_FAILED_OR_DIVERGED = _HAS_STATUS.format(End.FAILED.status)
"""The condition that finds runs that failed and runs that diverged, whose status is the same."""


def find_tag(tag: str, value: str | None = None) -> str:
    """Return the condition of MLflow's search that finds runs with a tag, whatever its value is or with that one."""
    return f"tags.`{tag}` LIKE '%'" if value is None else f"tags.`{tag}` = '{value}'"


def member_tag(sweep_id: str) -> dict[str, str]:
    """Return the tag that every complete run carries which belongs to a sweep, new or reused.

    Arguments:
        sweep_id: the run id of the sweep.
    """
    return {f"{_MEMBER_OF}{sweep_id}": _MEMBER}


def sweep_of_tag(tag: str) -> str | None:
    """Return the run id of the sweep whose members carry a tag of that name; None for any other tag."""
    return tag.removeprefix(_MEMBER_OF) if tag.startswith(_MEMBER_OF) else None


def find_members(sweep_id: str) -> str:
    """Return the condition of MLflow's search that finds the complete runs of a sweep."""
    ((tag, value),) = member_tag(sweep_id).items()
    return find_tag(tag, value)


def is_sweep(tags: Mapping[str, str]) -> bool:
    """Say whether a record is a sweep's, the parent of its runs, and not a single run's.

    A sweep that is older than the tag `kind` is known by host and heartbeat, and by having no config of its own.
    """
    if KIND_TAG in tags:
        return tags[KIND_TAG] == SWEEP_KIND
    return HOST_TAG in tags and HEARTBEAT_TAG in tags and DIGEST_TAG not in tags


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that this project gave to a run, without those that MLflow gives to each."""
    return {name: value for name, value in tags.items() if not name.startswith("mlflow.")}
