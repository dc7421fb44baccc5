"""The schema of a run's record in MLflow: the names of its files and tags, and the ways in which a run can end.

The code that records runs and the code that reads them both import it. No name and no text here may change, because
older records must stay readable.
"""

from collections.abc import Mapping
from enum import StrEnum

# Defined in rnn_core, because a served model contains rnn_core but not this module.
from rnn_core.checkpoint import CONFIG_FILE as CONFIG_FILE
from rnn_core.checkpoint import WEIGHTS_FILE as WEIGHTS_FILE

# Files among the artifacts of a run.
CURVES_FILE = "curves.csv"
REACH_FILE = "generalization.csv"
DIFF_FILE = "git.diff"
PAGE_FILE = "net.html"
PLOTS_FOLDER = "plots"
INSIDE_FOLDER = "inside"
"""The folder of what was found inside a net: for each question a text, tables and pictures."""
TRAINING_STATE_FILE = "training_state.safetensors"

RESUMED_DIFF_FILE = "git_resumed_{}.diff"
"""The uncommitted changes of the code with which a run that was cut off went on; {} stands for 1, 2 ..."""

# Files among the artifacts of a sweep; it has plots, too.
GRID_FILE = "grid.toml"
GRID_GIVEN_FILE = "grid_given.toml"
RUNS_FILE = "runs.csv"
RESULTS_FILE = "results.csv"
SWEEP_PAGE_FILE = "sweep.html"

MODEL_NAME = "model"
"""The name of the logged model that holds a run's net."""

MODEL_FOLDER = "artifacts"
"""The folder of a logged model that holds config.json and the weights; MLflow gives it this name."""

# Tags of a run.
DIGEST_TAG = "config_digest"
CONFIG_TAG = "resolved_config"
END_REASON_TAG = "end_reason"
RECIPE_TAG = "recipe"
COMMIT_TAG = "git_commit"
DIRTY_TAG = "git_dirty"
DIFF_TAG = "git_diff"
TORCH_TAG = "torch_version"
THREADS_TAG = "threads"
DEVICE_TAG = "device"
DEVICE_KIND_TAG = "device_kind"
ROAD_TAG = "training_road"
CHECKPOINT_TAG = "checkpoint"
RESUMED_TAG = "resumed"
CONTINUED_TAG = "continued_from"
SHARD_TAG = "shard"
INSPECTED_TAG = "inspected"

# Tags that say which process records a run or a sweep: the name of its machine, the process id, what tells this process
# from all others with the same id, and when it last reported that it is at work, in seconds since 1970.
HOST_TAG = "host"
PID_TAG = "pid"
PROCESS_TAG = "process"
HEARTBEAT_TAG = "heartbeat"

MARK_TAG = "recorded_by"
"""The tag of every run and sweep of this project. No other run is ever ended or deleted without being asked for."""

MARK = "rnn-patterns"

KIND_TAG = "kind"
"""The tag that marks the record of a sweep. Runs, and the sweeps that are older than this tag, do not have it."""

SWEEP_KIND = "sweep"

# Tags that MLflow itself interprets.
PARENT_TAG = "mlflow.parentRunId"
NAME_TAG = "mlflow.runName"
NOTE_TAG = "mlflow.note.content"
DATA_CONTEXT_TAG = "mlflow.data.context"

_MEMBER_PREFIX = "sweep."
_MEMBER = "member"


def picture_file(name: str) -> str:
    """Return the path of a picture among the artifacts of a run or a sweep."""
    return f"{PLOTS_FOLDER}/{name}.png"


def inside_table_file(name: str) -> str:
    """Return the file of a table about the inside of a net, such as `inside/readouts.csv` for `readouts`."""
    return f"{INSIDE_FOLDER}/{name}.csv"


class End(StrEnum):
    """The ways in which a run can end, and RUNNING for a run that has not ended."""

    FINISHED = "finished"
    """Trained to its last epoch, and recorded with its net."""
    DIVERGED = "diverged"
    """The training loss, or a loss of the trained net, was not finite. The run is complete, but has no net."""
    KILLED = "killed"
    """Stopped by a signal, or its process no longer exists."""
    FAILED = "failed"
    """Stopped by any other error before, during or after the training."""
    RUNNING = "running"
    """Still running, or its process died and this has not been noticed yet."""

    @property
    def status(self) -> str:
        """MLflow's status of a run that ended in this way."""
        return {End.DIVERGED: End.FAILED}.get(self, self).upper()


COMPLETE = (End.FINISHED, End.DIVERGED)
"""The ends of a complete run: training it again would give the same result."""

RECORDING_FAILED = "recording failed"
"""The beginning of the tag end_reason of a run that was trained but could not be recorded; a new try may succeed."""


def read_end(status: str, tags: Mapping[str, str]) -> End:
    """Return how a run ended.

    Arguments:
        status: MLflow's status of the run: RUNNING, SCHEDULED, FINISHED, FAILED or KILLED.
        tags: the tags of the run.
    """
    reason = tags.get(END_REASON_TAG, "")
    if status == End.RUNNING.status:
        return End.RUNNING
    if reason.startswith(f"{End.DIVERGED}:"):
        return End.DIVERGED
    if status == End.FINISHED.status and reason == End.FINISHED:
        return End.FINISHED
    return End.KILLED if status == End.KILLED.status else End.FAILED


def format_end_reason(end: End, why: str = "") -> str:
    """Return the text of the tag end_reason.

    Arguments:
        end: how the run ended; not RUNNING.
        why: for DIVERGED and FAILED, what went wrong; for KILLED, the whole text: by what the run was stopped, and
            when. `read_end` recognises FAILED and KILLED by MLflow's status, so their text may have any form.

    Example:
        >>> format_end_reason(End.FINISHED), format_end_reason(End.DIVERGED, "the loss became nan in epoch 3")
        ('finished', 'diverged: the loss became nan in epoch 3')
    """
    if end == End.FINISHED:
        return str(end)
    return why if end == End.KILLED else f"{end}: {why}"


_STATUS_IS = "attributes.status = '{}'"

RUNNING_CONDITION = _STATUS_IS.format(End.RUNNING.status)
"""The condition of MLflow's search that finds the runs for which `read_end` returns RUNNING."""

FAILED_OR_DIVERGED_CONDITION = _STATUS_IS.format(End.FAILED.status)
"""The condition of MLflow's search that finds the runs that failed or diverged, which have the same status."""


def tag_condition(tag: str, value: str | None = None) -> str:
    """Return the condition of MLflow's search that finds the runs with a tag.

    Arguments:
        tag: the name of the tag.
        value: its value; None for any value.
    """
    return like_condition(tag, "%") if value is None else f"tags.`{tag}` = '{value}'"


def like_condition(tag: str, pattern: str) -> str:
    """Return the condition of MLflow's search that finds the runs with a tag whose value matches a pattern of LIKE."""
    return f"tags.`{tag}` LIKE '{pattern}'"


def no_tag_condition(tag: str) -> str:
    """Return the condition of MLflow's search that finds the runs without a tag of a name."""
    return f"tags.`{tag}` IS NULL"


def other_than_condition(run_id: str) -> str:
    """Return the condition of MLflow's search that finds all runs but one."""
    return f"attributes.run_id != '{run_id}'"


def member_tag(sweep_id: str) -> dict[str, str]:
    """Return, as name and value, the tag of every complete run that belongs to a sweep, whether new or reused.

    Arguments:
        sweep_id: the run id of the sweep.
    """
    return {f"{_MEMBER_PREFIX}{sweep_id}": _MEMBER}


def sweep_of_tag(tag: str) -> str | None:
    """Return the run id of the sweep whose members have a tag of this name; None if it is another tag."""
    return tag.removeprefix(_MEMBER_PREFIX) if tag.startswith(_MEMBER_PREFIX) else None


def members_condition(sweep_id: str) -> str:
    """Return the condition of MLflow's search that finds the complete runs of a sweep."""
    ((tag, value),) = member_tag(sweep_id).items()
    return tag_condition(tag, value)


def is_sweep(tags: Mapping[str, str]) -> bool:
    """Return whether a record with these tags is that of a sweep, which is the parent of its runs.

    Every sweep has the tags host and heartbeat. One that is older than the tag `kind` has no config digest, which tells
    it from runs; the tag `kind` alone may be somebody else's.
    """
    named = tags[KIND_TAG] == SWEEP_KIND if KIND_TAG in tags else DIGEST_TAG not in tags
    return named and HOST_TAG in tags and HEARTBEAT_TAG in tags


def has_mark(tags: Mapping[str, str]) -> bool:
    """Return whether a record with these tags has this project's mark; records that are older than it have not."""
    return tags.get(MARK_TAG) == MARK


def project_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a run that this project set, without those that MLflow sets."""
    return {name: value for name, value in tags.items() if not name.startswith("mlflow.")}
