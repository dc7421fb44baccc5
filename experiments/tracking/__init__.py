"""The only writer of MLflow. It records a single run and a run of a sweep in the same way."""

from experiments.tracking.access import check_params, end_run_from_environment
from experiments.tracking.away import is_away
from experiments.tracking.claims import GaveWayError, find_others, is_complete
from experiments.tracking.deletion import Deletion, command_that_frees_the_disk, plan_deletion
from experiments.tracking.life import clear_up, delete_half_made, goes_on
from experiments.tracking.patience import PATIENCE_SECONDS, Away, StoreAwayError, persist, persist_aloud
from experiments.tracking.resumed_run import ResumedRun, check_not_alive
from experiments.tracking.tracked_run import TrackedRun
from experiments.tracking.tracked_sweep import Membership, TrackedSweep

__all__ = [
    "PATIENCE_SECONDS",
    "Away",
    "Deletion",
    "GaveWayError",
    "Membership",
    "ResumedRun",
    "StoreAwayError",
    "TrackedRun",
    "TrackedSweep",
    "check_not_alive",
    "check_params",
    "clear_up",
    "command_that_frees_the_disk",
    "delete_half_made",
    "end_run_from_environment",
    "find_others",
    "goes_on",
    "is_away",
    "is_complete",
    "persist",
    "persist_aloud",
    "plan_deletion",
]
