"""Training: the loop for one net, and a faster one for many nets of the same shape."""

from rnn_core.training.loop import DivergedError, EpochRecord, Progress, train
from rnn_core.training.state import TrainingState

__all__ = ["DivergedError", "EpochRecord", "Progress", "TrainingState", "train"]
