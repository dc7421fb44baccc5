"""Nets whose weights have shapes and no numbers, and take no memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class _NothingDrawn(TorchFunctionMode):
    """Leaves out the initialisations that would import torch's compiler, which takes as long as a short run."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is nn.init.normal_:
            return kwargs["tensor"]
        if func is torch.eye and "out" in kwargs:
            return kwargs["out"]
        return func(*args, **kwargs)


@contextmanager
def without_numbers() -> Iterator[None]:
    """Let nets that are built in this block be on torch's meta device, and draw nothing from its random state."""
    with torch.device("meta"), _NothingDrawn():
        yield
