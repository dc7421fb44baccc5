"""Loads the compiled loops of a cell before they are needed, so that nobody waits for the compiler unawares."""

import torch

from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.training.compiled_net import CompiledNet
from rnn_core.training.compiled_stack import CompiledStack
from rnn_core.training.stack_state import StackState


def load_loops(cell: str, alone: bool) -> None:
    """Load the compiled loops of a cell; those that are not on the disk yet are compiled, which takes ten seconds.

    Arguments:
        cell: one of `compiled_stack.CELLS`.
        alone: whether nets are to be trained alone, and not in a stack.
    """
    prepared = prepare(TrainConfig(cell=cell))
    with torch.random.fork_rng(devices=[]):  # building a net sets the seed
        if alone:
            logits_sw, _, _ = CompiledNet(prepared, prepared.build_net(), prepared.windows).read(0, ())
            logits_sw.sum().backward()
        else:
            CompiledStack([prepared], StackState([prepared])).train(0)
