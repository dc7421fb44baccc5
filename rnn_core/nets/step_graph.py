"""One step of a net as a small graph of operations on numbers, which a program without torch can carry out.

A step is a pure function (`Cell.step`), so it is run once, on zeros, and what torch computes meanwhile is written down.
Views, such as a transposed or sliced tensor, are no operations: each operand says where in a buffer its numbers lie.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from rnn_core.nets.cell import State, linear
from rnn_core.nets.cells import load_cell
from rnn_core.nets.charrnn import CharRNN, input_width
from rnn_core.nets.tracing import Operation, Tracer

MOST_ROWS = 1024
"""The most rows of a part of the state that grows with the text; a step is exact until more than these are used."""

WEIGHTS, X, KEPT, STATE = range(4)
"""The buffers that a step reads: all weights one after the other, the input, (I,), for each unit of each layer whether
it is kept, 1, or switched off, 0, (L, H), and the flat state before the step, (K,)."""


@dataclass(frozen=True, eq=False)
class StepGraph:
    """One step of a net with K numbers in its state, L layers of H units and W outputs.

    Attributes:
        sizes: how many numbers each buffer holds; the first four are WEIGHTS, X, KEPT and STATE.
        constants: buffers whose numbers are always the same, with these numbers.
        operations: the operations in their order.
        logits, state, units: the buffers that hold, after the step, the logits, (W,), the flat state, (K,), and the
            output of each layer, (L, H).
        weights: the names of the weights, as in the net's `state_dict`, in the order in which WEIGHTS holds them.
        parts: for each layer and part of the state its shape in the flat state.
    """

    sizes: tuple[int, ...]
    constants: dict[int, tuple[float, ...]]
    operations: tuple[Operation, ...]
    logits: int
    state: int
    units: int
    weights: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=64)
def step_graph(cell: str, width: int, hidden_size: int, layers: int, outputs: int) -> StepGraph:
    """Return one step of the nets of a shape, from the input of the lowest layer to the logits.

    A unit that is switched off has the output 0, also in its state where the output is part of it.

    Arguments:
        cell: the name of the cell.
        width: I, the width of the lowest layer's input.
        hidden_size: H.
        layers: L.
        outputs: W.

    Raises:
        UnknownOperationError: the cell computes something that a graph cannot hold.
    """
    tracer = Tracer()
    kind = load_cell(cell)
    shapes = {
        f"recurrent.{name}_l{layer}": shape
        for layer in range(layers)
        for name, shape in kind.weight_shapes(hidden_size if layer else width, hidden_size).items()
    } | {"readout.weight": (outputs, hidden_size), "readout.bias": (outputs,)}
    parts = _part_shapes(cell, hidden_size)
    weights = tracer.buffer(list(shapes.values()))
    (x,) = tracer.buffer([(width,)])
    kept = tracer.buffer([(hidden_size,)] * layers)
    state = tracer.buffer(list(parts.values()) * layers)
    named = dict(zip(shapes, weights, strict=True))
    with torch.no_grad(), tracer:
        output, after, units = x[None], list[Tensor](), list[Tensor]()
        for layer in range(layers):
            of_layer = {name: named[f"recurrent.{name}_l{layer}"] for name in kind.weight_names}
            before = tuple(part[None] for part in state[layer * len(parts) :][: len(parts)])
            output, new = kind.step(of_layer, output, before)
            output = output * kept[layer]
            for (name, shape), part in zip(parts.items(), new, strict=True):
                # What has grown is cut to the size that it had; the rows at its end are zeros.
                after.append((output if name == kind.output else part[:, : shape[0]]).flatten())
            units.append(output[0])
        logits = linear(output, named["readout.weight"], named["readout.bias"])
        ends = (tracer.whole(logits.flatten()), tracer.whole(torch.cat(after)), tracer.whole(torch.cat(units)))
    all_parts = tuple(parts.values()) * layers
    operations = tuple(tracer.operations)
    return StepGraph(tuple(tracer.sizes), tracer.constants, operations, *ends, tuple(shapes), all_parts)


def graph_of_net(net: CharRNN) -> StepGraph:
    """Return one step of a net; the errors are those of `step_graph`."""
    name = type(net.cell).__module__.rpartition(".")[2]
    width = input_width(net.inputs, net.hidden_size, net.encoding)
    return step_graph(name, width, net.hidden_size, net.layers, net.outputs)


def _part_shapes(name: str, hidden_size: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each part of the state of a layer by name; one that grows has as many rows as it can have."""
    cell = load_cell(name)
    shapes = cell.state_shapes(hidden_size)
    if not cell.growing:
        return shapes
    large = {part: (MOST_ROWS, *shape[1:]) if part in cell.growing else shape for part, shape in shapes.items()}
    weights = {weight: torch.zeros(shape) for weight, shape in cell.weight_shapes(1, hidden_size).items()}
    with torch.no_grad():  # where the cell itself has a limit, the state is shorter after the step
        _, after = cell.step(weights, torch.zeros(1, 1), tuple(torch.zeros(1, *shape) for shape in large.values()))
    return {
        part: (min(len(grown[0]), shape[0]), *shape[1:])
        for (part, shape), grown in zip(large.items(), after, strict=True)
    }


def flat_state(graph: StepGraph, state: State) -> Tensor:
    """Return a state as a graph holds it, (K,); what is shorter than there is filled up with zeros.

    Arguments:
        graph: the graph.
        state: for each layer and part of the state a tensor of its shape, without an axis of sequences.
    """
    flat = []
    for part, shape in zip(state, graph.parts, strict=True):
        rows = part.new_zeros(shape)
        rows[: len(part)] = part
        flat.append(rows.flatten())
    return torch.cat(flat)
