"""Training: the loop for one net, and the same for many nets as one."""

from rnn_core.training.loop import DivergedError, EpochRecord, Progress, train

__all__ = ["DivergedError", "EpochRecord", "Progress", "train"]
