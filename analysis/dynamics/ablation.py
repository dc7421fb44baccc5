"""Ablation: what a net loses if one direction of its state is held at its mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern
from rnn_core.vocabulary import Vocabulary

# The end of an array's name gives its axes: N nets, W characters that are predicted, K numbers of a flat state, D
# directions, T characters of a text.


@dataclass(frozen=True, eq=False)
class Ablation:
    """What a net loses without each of D directions of its state.

    Attributes:
        loss_d: the mean loss without each direction, in nats per scored character, (D,).
        accuracy_d: the share of scored characters whose likeliest target is right without each, 0 to 1, (D,).
        loss: the mean loss of the whole net on the same characters.
        accuracy: its accuracy there.
        characters: the number of characters scored.
    """

    loss_d: np.ndarray
    accuracy_d: np.ndarray
    loss: float
    accuracy: float
    characters: int

    def table(self, names: Sequence[str]) -> pd.DataFrame:
        """Return a row for each direction, the one without which the net loses most first.

        Arguments:
            names: the names of the D directions, such as `NetMap.number_names`.

        Returns:
            The columns name, loss, accuracy, and the two differences from the whole net: loss_added, in nats per scored
            character, and accuracy_lost.
        """
        table = pd.DataFrame(
            {
                "name": list(names),
                "loss": self.loss_d,
                "accuracy": self.accuracy_d,
                "loss_added": self.loss_d - self.loss,
                "accuracy_lost": self.accuracy - self.accuracy_d,
            }
        )
        return table.sort_values("loss_added", ascending=False, kind="stable", ignore_index=True)


def ablation(net: NetMap, pattern: Pattern, text: str, directions_dk: np.ndarray | None = None) -> Ablation:
    """Take each direction out of what a net remembers, one at a time, and measure what it loses over a text.

    After each character the state's coordinate along the direction is set to the mean that it has over the text in the
    whole net, from which nothing is taken out. What is measured is what the direction carries from one character to the
    next ones: the prediction after a character is made before its state is changed. The state at the start and at marks
    stays as it is.

    Arguments:
        net: the net.
        pattern: the pattern, which gives targets and which of them are scored.
        text: a text of the pattern from its beginning on.
        directions_dk: D directions, of any length above 0, (D, K); None for each number of the state.

    Raises:
        ValueError: a direction is 0 or has another size, or nothing in the text is scored.
    """
    direction_dk = np.eye(net.size) if directions_dk is None else np.asarray(directions_dk, dtype=np.float64)
    if direction_dk.ndim != 2 or direction_dk.shape[1] != net.size or not direction_dk.any(1).all():
        raise ValueError(f"directions have the shape {direction_dk.shape}; allowed: (D, {net.size}), none of them 0")
    direction_dk = direction_dk / np.linalg.norm(direction_dk, axis=1, keepdims=True)
    read, targets = pattern.inputs_and_targets(text)
    scored_t = pattern.scored(text)
    scored_t = np.ones(len(read), dtype=bool) if scored_t is None else scored_t[len(text) - len(targets) :]
    if not scored_t.any():
        raise ValueError(f"nothing is scored in {len(text)} characters; allowed: a longer text")
    target_t = np.array([net.outputs.index(target) for target in targets])
    Vocabulary(net.alphabet).indices(read)  # checks the text before anything is computed
    mean_d = direction_dk @ net.path(read)[0].mean(0)
    states_nk = start_nk = np.tile(net.start_k, (len(direction_dk) + 1, 1))  # the last row is the whole net
    loss_n, right_n = np.zeros(len(start_nk)), np.zeros(len(start_nk))
    for character, target, scored in zip(read, target_t, scored_t, strict=True):
        states_nk, logits_nw = net.predict(start_nk if character == net.mark else states_nk, character)
        along_d = (states_nk[:-1] * direction_dk).sum(1)
        states_nk[:-1] += (mean_d - along_d)[:, None] * direction_dk
        if scored:
            top_n = logits_nw.max(1)
            loss_n += np.log(np.exp(logits_nw - top_n[:, None]).sum(1)) + top_n - logits_nw[:, target]
            right_n += logits_nw.argmax(1) == target
    count = int(scored_t.sum())
    loss_n, right_n = loss_n / count, right_n / count
    return Ablation(loss_n[:-1], right_n[:-1], float(loss_n[-1]), float(right_n[-1]), count)
