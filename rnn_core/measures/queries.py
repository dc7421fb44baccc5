"""A trained net as its pattern may question it: what one family measures beside what is measured of all."""

from collections.abc import Iterator

import numpy as np
import torch

from rnn_core.data import Prepared
from rnn_core.measures.reach import ALLOWED
from rnn_core.measures.scores import score_side_by_side
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import measuring

MAX_STRETCH_NUMBERS = 2**28
"""The most that stretches x characters x the net's width may come to in `loss_over_stretches`: some seconds of work."""


class QueriedNet:
    """A net and the vocabulary in which it is questioned; `Pattern.examine` calls the methods.

    Arguments:
        net: the net, on any device.
        prepared: what it was trained on.
    """

    def __init__(self, net: CharRNN, prepared: Prepared) -> None:
        self._net, self._prepared = net, prepared

    def loss_over_stretches(self, text: str, length: int) -> float | None:
        """Return the mean loss over all stretches of `length` characters of a text, each read from a zero state.

        Returns:
            In nats per character; None where it would take minutes.
        """
        stretches = len(text) - length + 1
        if stretches * length * self._net.width > MAX_STRETCH_NUMBERS:
            return None
        # The rows are views of one sequence.
        return score_side_by_side(self._net, self._prepared.vocabulary.encode(text).unfold(0, length, 1)).loss

    def accepted(self, symbols: str) -> Iterator[np.ndarray]:
        """Yield for each length, from 0 on without end, which strings over two symbols a net accepts.

        A net accepts a string if it gives each of its characters, and the mark at its end, a probability above
        ALLOWED.

        Arguments:
            symbols: two characters.

        Yields:
            bool, (2**length,): entry i is the string that i spells as a binary number of `length` digits, the first
            symbol a 0 and the second a 1.
        """
        net, vocabulary = self._net, self._prepared.vocabulary
        indices, mark = vocabulary.encode(symbols), vocabulary.encode(self._prepared.pattern.mark)
        device = net.readout.weight.device
        alive = torch.zeros(1, dtype=torch.int64)  # the strings whose characters are all allowed, as binary numbers
        with measuring(net):
            logits_btw, state = net(net.encode(mark[None].to(device)), net.init_hidden(1))
        length = 0
        while True:
            allowed_bw = (logits_btw[:, -1].softmax(-1) > ALLOWED).cpu()
            accepted = np.zeros(2**length, dtype=bool)
            accepted[alive[allowed_bw[:, mark[0]]].numpy()] = True
            yield accepted
            length += 1
            goes_on = [allowed_bw[:, symbol].nonzero().flatten() for symbol in indices]
            alive = torch.cat([2 * alive[part] + bit for bit, part in enumerate(goes_on)])
            if not len(alive):  # nothing longer is accepted either
                logits_btw = logits_btw[:0]
                continue
            came_from = torch.cat(goes_on).to(device)
            came = torch.cat([symbol.expand(len(part)) for symbol, part in zip(indices, goes_on, strict=True)])
            with measuring(net):
                chosen = tuple(part[:, came_from] for part in state)
                logits_btw, state = net(net.encode(came[:, None].to(device)), chosen)
