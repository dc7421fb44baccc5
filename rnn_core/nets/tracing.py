"""Writes down what torch computes, as operations on numbers in buffers that a program without torch can carry out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Operand = tuple[int, int, tuple[int, ...]] | float
"""A number; or a buffer, the place of the first number in it, and along each axis the distance between two numbers."""


class UnknownOperationError(ValueError):
    """A cell computes something that a graph cannot hold; the message names it."""


@dataclass(frozen=True)
class Operation:
    """One operation, which writes to the numbers of one operand.

    Attributes:
        name: `dot`, the sum over the axes `over` of the product of two operands; `max`, the largest number over these
            axes; or a function of each number of one to three operands, one of `FUNCTIONS`.
        axes: the lengths of the axes of the result.
        over: the lengths of further axes of the operands of `dot` and `max`, over which these go; otherwise empty.
        result: where the result is written.
        operands: what is read. Their distances are along `axes`, then along `over`.
    """

    name: str
    axes: tuple[int, ...]
    over: tuple[int, ...]
    result: Operand
    operands: tuple[Operand, ...]


class Tracer(TorchDispatchMode):
    """Writes down what torch computes within its context.

    Attributes:
        sizes, constants, operations: see `StepGraph`.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sizes: list[int] = []
        self.constants: dict[int, tuple[float, ...]] = {}
        self.operations: list[Operation] = []
        self._buffers: dict[int, int] = {}  # by the address of a storage
        self._alive: list[Tensor] = []  # or an address could come twice

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler, which takes seconds, to leave this class out of it

    def buffer(self, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
        """Return zeros of several shapes that share one new buffer, one after the other."""
        sizes = [math.prod(shape) for shape in shapes]
        flat = torch.zeros(sum(sizes))
        self._new(flat)
        return [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]

    def whole(self, tensor: Tensor) -> int:
        """Return the buffer of a tensor that is alone in it."""
        return self._buffers[tensor.untyped_storage().data_ptr()]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation of torch, and write it down unless it only returns a view."""
        result = func(*args, **(kwargs or {}))
        if func._schema.is_mutable:
            raise UnknownOperationError(f"the operation {func} changes its argument; allowed: pure operations")
        name, first = func._schema.name.removeprefix("aten::"), result[0] if isinstance(result, tuple) else result
        if not isinstance(first, Tensor) or self._known(first):
            return result  # a view, or several
        self._new(first)
        given = [arg for arg in args if isinstance(arg, (Tensor, list, tuple))]
        if not any(isinstance(each, Tensor) for arg in given for each in (arg if isinstance(arg, list) else [arg])):
            self.constants[len(self.sizes) - 1] = tuple(first.flatten().tolist())
        elif name in FUNCTIONS:
            self._map(name, first, *args)
        elif name in _COMPOSED:
            _COMPOSED[name](self, first, *args, **(kwargs or {}))
        else:
            raise UnknownOperationError(f"the operation {func} has no place in a graph; allowed: {sorted(KNOWN)}")
        return result

    def _known(self, tensor: Tensor) -> bool:
        return tensor.untyped_storage().data_ptr() in self._buffers

    def _new(self, tensor: Tensor) -> None:
        self._buffers[tensor.untyped_storage().data_ptr()] = len(self.sizes)
        self.sizes.append(tensor.untyped_storage().nbytes() // tensor.element_size())
        self._alive.append(tensor)

    def temporary(self, shape: Sequence[int]) -> Tensor:
        """Return a tensor in a buffer of its own, for a result between two operations."""
        tensor = torch.zeros(tuple(shape))
        self._new(tensor)
        return tensor

    def _operand(self, tensor: Any, axes: Sequence[int]) -> Operand:
        """Return where the numbers of a tensor lie that is broadcast to the axes; a number stays a number."""
        if not isinstance(tensor, Tensor):
            return float(tensor)
        wide = torch.broadcast_to(tensor, tuple(axes))
        return self._buffers[wide.untyped_storage().data_ptr()], int(wide.storage_offset()), wide.stride()

    def _map(self, name: str, result: Tensor, *operands: Any) -> None:
        """Write down a function of each number."""
        axes = result.shape
        self._write(name, axes, (), self._operand(result, axes), *(self._operand(each, axes) for each in operands))

    def _reduce(self, name: str, result: Tensor, over: Sequence[int], *operands: Any) -> None:
        """Write down a sum of products, or a maximum, over the last axes of the operands."""
        axes = (*result.shape, *over)
        read = [self._operand(each, axes) for each in operands]
        self._write(name, result.shape, over, self._operand(result, result.shape), *read)

    def _write(self, name: str, axes: Sequence[int], over: Sequence[int], result: Operand, *operands: Operand) -> None:
        """Write an operation down without the axes of length 1."""
        kept = [place for place, length in enumerate((*axes, *over)) if length != 1]

        def squeezed(operand: Operand) -> Operand:
            if isinstance(operand, float):
                return operand
            buffer, offset, distances = operand
            return buffer, offset, tuple(distances[place] for place in kept if place < len(distances))

        longer = tuple(length for length in axes if length != 1), tuple(length for length in over if length != 1)
        self.operations.append(Operation(name, *longer, squeezed(result), tuple(map(squeezed, operands))))

    # Operations of torch that become several of the graph's. The arguments are the result and torch's own arguments.

    def add(self, result: Tensor, a: Any, b: Any, alpha: float = 1, sign: float = 1) -> None:
        """Write a + alpha b."""
        if alpha * sign != 1:
            scaled = self.temporary(result.shape)
            self._map("mul", scaled, b, alpha * sign)
            b = scaled
        self._map("add", result, a, b)

    def subtract(self, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
        """Write a - alpha b."""
        self.add(result, a, b, alpha, -1)

    def subtract_from(self, result: Tensor, a: Any, b: Any, alpha: float = 1) -> None:
        """Write b - alpha a."""
        self.subtract(result, b, a, alpha)

    def product(self, result: Tensor, a: Tensor, b: Tensor) -> None:
        """Write a matrix product, also of several matrices."""
        self._reduce("dot", result, (a.shape[-1],), a.unsqueeze(-2), b.mT.unsqueeze(-3))

    def product_added(self, result: Tensor, c: Tensor, a: Tensor, b: Tensor, beta: float = 1, alpha: float = 1) -> None:
        """Write beta c + alpha a b."""
        products, scaled = self.temporary(result.shape), self.temporary(result.shape)
        self.product(products, a, b)
        self._map("mul", scaled, c, beta)
        self.add(result, scaled, products, alpha)

    def total(
        self, result: Tensor, a: Tensor, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any
    ) -> None:
        """Write a sum."""
        self._over("dot", result, a, dims, keepdim, 1.0)

    def mean(
        self, result: Tensor, a: Tensor, dims: Sequence[int] | None = None, keepdim: bool = False, **_: Any
    ) -> None:
        """Write a mean."""
        self._over("dot", result, a, dims, keepdim, result.numel() / a.numel())

    def largest(self, result: Tensor, a: Tensor, dims: Sequence[int] = (), keepdim: bool = False) -> None:
        """Write a maximum."""
        self._over("max", result, a, dims, keepdim)

    def _over(
        self, name: str, result: Tensor, a: Tensor, dims: Sequence[int] | None, keepdim: bool, *others: float
    ) -> None:
        places = sorted({dim % a.dim() for dim in dims}) if dims else list(range(a.dim()))
        moved = a.movedim(places, list(range(-len(places), 0)))
        whole = result.squeeze(places) if keepdim else result
        self._reduce(name, whole, [a.shape[place] for place in places], moved, *others)

    def softmax(self, result: Tensor, a: Tensor, dim: int, _half: bool = False) -> None:
        """Write a softmax."""
        one = list(a.shape)
        one[dim] = 1
        top, sums, powers = self.temporary(one), self.temporary(one), self.temporary(a.shape)
        less = self.temporary(a.shape)
        self.largest(top, a, [dim], True)
        self.subtract(less, a, top)
        self._map("exp", powers, less)
        self.total(sums, powers, [dim], True)
        self._map("div", result, powers, sums)

    def joined(self, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> None:
        """Write tensors one after the other."""
        for part, tensor in zip(result.split([each.shape[dim] for each in tensors], dim), tensors, strict=True):
            self._map("copy", part, tensor)

    def stacked(self, result: Tensor, tensors: Sequence[Tensor], dim: int = 0) -> None:
        """Write tensors along a new axis."""
        self.joined(result, [tensor.unsqueeze(dim) for tensor in tensors], dim)

    def padded(self, result: Tensor, a: Tensor, pad: Sequence[int], value: float = 0) -> None:
        """Write a tensor with a number around it."""
        inner = result
        for axis, (before, after) in enumerate(zip(pad[::2], pad[1::2], strict=True), 1):
            inner = inner.narrow(-axis, before, result.shape[-axis] - before - after)
        self._map("copy", result, value)
        self._map("copy", inner, a)

    def copied(self, result: Tensor, a: Tensor, **_: Any) -> None:
        """Write a copy."""
        self._map("copy", result, a)

    def constant(self, result: Tensor, *_args: Any, **_: Any) -> None:
        """Write what depends on the shape of a tensor alone."""
        self.constants[self.whole(result)] = tuple(result.flatten().tolist())


FUNCTIONS = frozenset(
    (
        *("copy", "mul", "div", "pow", "maximum", "minimum", "where", "eq", "ne", "lt", "le", "gt", "ge"),
        *("neg", "abs", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "relu", "silu"),
        *("log_sigmoid_forward",),
    )
)
"""The functions of each number that can be written down beside `add`, by their names in torch. `copy` is the number,
comparisons give 1 or 0, and `log_sigmoid_forward` is ln sigmoid."""

_COMPOSED: dict[str, Callable[..., None]] = {
    "add": Tracer.add,
    "sub": Tracer.subtract,
    "rsub": Tracer.subtract_from,
    "mm": Tracer.product,
    "bmm": Tracer.product,
    "addmm": Tracer.product_added,
    "baddbmm": Tracer.product_added,
    "sum": Tracer.total,
    "mean": Tracer.mean,
    "amax": Tracer.largest,
    "_softmax": Tracer.softmax,
    "cat": Tracer.joined,
    "stack": Tracer.stacked,
    "constant_pad_nd": Tracer.padded,
    "clone": Tracer.copied,
    "_to_copy": Tracer.copied,
    "zeros_like": Tracer.constant,
    "ones_like": Tracer.constant,
}

KNOWN = FUNCTIONS | _COMPOSED.keys()
"""The operations of torch that a cell may use."""
