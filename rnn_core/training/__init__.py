"""Training: the loop for one net, and a faster one for many nets of the same shape."""

from rnn_core.training.loop import DivergedError, EpochRecord, Progress, train

__all__ = ["DivergedError", "EpochRecord", "Progress", "train"]
