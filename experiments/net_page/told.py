"""What a page is told of a net: its step, its weights and what was found inside it; of a large one, its states."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from analysis.dynamics.projection import principal_components
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating, predict
from rnn_core.nets.step_graph import StepGraph, graph_of_net
from rnn_core.nets.tracing import Operand, UnknownOperationError
from rnn_core.record import Record
from rnn_core.vocabulary import Vocabulary

MAX_PARAMETERS = 200_000
"""The most parameters of a net whose steps the page takes itself; of a larger one it shows recorded states."""

RECORDED_STEPS, RECORDED_UNITS = 120, 128
"""How many characters a large net is recorded on, and the most units of its top layer that are."""


@dataclass(frozen=True, eq=False)
class Found:
    """What `python -m experiments.inspect` found, as far as the page shows it.

    Attributes:
        lines: what was found, in sentences, by question.
        cycle: the text of the net's cycle, and the flat state after each of its characters, (P, K); None for none.
        rests: for each character that was held, the flat states of the points of rest, (P, K).
        automaton: the rows of the learnt automaton: what each state says, and the next state after each character by
            its number; empty for none.
        inputs: the characters that the automaton reads.
    """

    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cycle: tuple[str, np.ndarray] | None = None
    rests: Mapping[str, np.ndarray] = field(default_factory=dict)
    automaton: Sequence[tuple[str, Sequence[int]]] = ()
    inputs: str = ""


@dataclass(frozen=True, eq=False)
class PageNet:
    """A net that a page shows.

    Attributes:
        name: the name of its run.
        label: what tells it from the other nets of the page, such as "epochs 20"; empty for a page with one.
        record: the record of its training.
        net: the net, on the CPU.
        numbers: its main numbers, each with its name, as texts.
        found: what was found inside it.
    """

    name: str
    label: str
    record: Record
    net: CharRNN
    numbers: Sequence[tuple[str, str]]
    found: Found = field(default_factory=Found)


def told_of_net(shown: PageNet, text: str) -> dict[str, Any]:
    """Return what the page is told of a net, as JSON has it; arrays are float32, little-endian, in base64.

    Arguments:
        shown: the net.
        text: the text that is read when the page is opened; a large net is recorded on its beginning.
    """
    config = shown.record.config
    told: dict[str, Any] = {
        "name": shown.name,
        "label": shown.label,
        "cell": config.cell,
        "hidden": config.hidden_size,
        "layers": config.layers,
        "epochs": config.epochs,
        "seed": config.seed,
        "parameters": shown.record.parameter_count,
        "numbers": [list(pair) for pair in shown.numbers],
        "lines": dict(shown.found.lines),
    }
    if told["parameters"] > MAX_PARAMETERS:
        return told | {"why": "large", "recorded": _recorded(shown, text)}
    with torch.no_grad():
        inputs_vi = shown.net.encode(torch.arange(shown.net.inputs)[None])[0].numpy()
    try:
        graph = graph_of_net(shown.net)
    except UnknownOperationError:
        return told | {"why": "unknown", "recorded": _recorded(shown, text)}
    weights = shown.net.state_dict()
    flat = np.concatenate([weights[name].numpy().ravel() for name in graph.weights])
    onehot = inputs_vi.shape[0] == inputs_vi.shape[1] and np.array_equal(inputs_vi, np.eye(len(inputs_vi)))
    return told | {
        "graph": _graph(graph),
        "parts": _parts(shown.net, graph),
        "weights": packed(flat),
        "inputs": None if onehot else packed(inputs_vi),
        "found": _found(shown.found),
    }


def packed(array: np.ndarray) -> str:
    """Return the numbers of an array as float32, little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


@lru_cache(maxsize=64)
def _graph(graph: StepGraph) -> dict[str, Any]:
    """Return a graph as JSON has it; the nets of a shape share it, so the caller must not change it."""
    return {
        "sizes": graph.sizes,
        "constants": {buffer: [_operand(number) for number in of] for buffer, of in graph.constants.items()},
        "operations": [
            [each.name, each.axes, each.over, _operand(each.result), *map(_operand, each.operands)]
            for each in graph.operations
        ],
        "logits": graph.logits,
        "state": graph.state,
        "units": graph.units,
    }


def _parts(net: CharRNN, graph: StepGraph) -> list[list[Any]]:
    """Return the parts of a layer's state beside its output: the name, the place in the state, the size, the shape."""
    parts, start = list[list[Any]](), 0
    for name, shape in zip(net.cell.state_shapes(net.hidden_size), graph.parts, strict=False):
        if name != net.cell.output:
            parts.append([name, start, math.prod(shape), shape])
        start += math.prod(shape)
    return parts


def _operand(operand: Operand) -> Any:
    """Return an operand as JSON has it, which has no infinite numbers: a number, its name, or a list."""
    if isinstance(operand, float):
        return operand if math.isfinite(operand) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(operand, "NaN")
    buffer, offset, distances = operand
    return [buffer, offset, *distances]


def _found(found: Found) -> dict[str, Any]:
    """Return what was found as JSON has it."""
    text, states_pk = found.cycle or ("", np.zeros((0, 0)))
    return {
        "cycle": {"text": text, "states": packed(states_pk)} if text else None,
        "rests": {character: packed(states_pk) for character, states_pk in found.rests.items()},
        "automaton": [[said, *after] for said, after in found.automaton],
        "inputs": found.inputs,
    }


def _recorded(shown: PageNet, text: str) -> dict[str, Any]:
    """Return what a net did on the beginning of a text: its likeliest outputs, and the units of its top layer.

    The units are whole numbers from 0 to 255, 128 for 0, in base64: (T, up to RECORDED_UNITS). The path is that of all
    units in their first three principal components.
    """
    net, text = shown.net, text[:RECORDED_STEPS]
    indices = Vocabulary(shown.record.alphabet).encode(text)
    starts = [0, *(place for place, index in enumerate(indices.tolist()) if place and index == shown.record.mark_index)]
    with evaluating(net):
        outputs = [
            net.cell.read(net.recurrent, net.encode(string[None]), net.init_state(1))[0][0]
            for string in indices.tensor_split(starts[1:])
        ]
    output_th = torch.cat(outputs).numpy()
    path_tk, share_k = principal_components(output_th, 3)
    scale = float(np.abs(output_th).max()) or 1.0
    levels = np.rint(output_th[:, :RECORDED_UNITS] / scale * 127 + 128).astype(np.uint8)
    guesses = Vocabulary(shown.record.outputs).decode(predict(net, indices, shown.record.mark_index))
    return {
        "text": text,
        "guesses": guesses,
        "units": base64.b64encode(levels.tobytes()).decode(),
        "path": packed(path_tk),
        "share": [float(share) for share in share_k],
    }
