"""The measurements of a trained net that a family may use in `Pattern.examine`."""

from collections.abc import Iterator

import numpy as np
import torch

from rnn_core.data import Prepared
from rnn_core.measures.reach import ALLOWING_PROBABILITY
from rnn_core.measures.scores import score_side_by_side
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import evaluating

MAX_STRETCH_NUMBERS = 2**28
"""The largest substrings x characters x width of the net in `loss_over_stretches`: some seconds of computation."""


class QueriedNet:
    """A trained net that a family's `examine` measures; implements `rnn_core.patterns.shared.base.NetQueries`.

    Arguments:
        net: the net, on any device.
        prepared: the config and data of its training.
    """

    def __init__(self, net: CharRNN, prepared: Prepared) -> None:
        self._net, self._prepared = net, prepared

    def loss_over_stretches(self, text: str, length: int) -> float | None:
        """Return the mean loss over all substrings of `length` characters of a text, each read from a zero state.

        Arguments:
            text: characters of the alphabet, `length` or more.
            length: 2 or more; the first character of each substring is only read.

        Returns:
            The loss in nats per character; None if it would take minutes (see MAX_STRETCH_NUMBERS).
        """
        stretches = len(text) - length + 1
        if stretches * length * self._net.largest_numbers_per_step > MAX_STRETCH_NUMBERS:
            return None
        # unfold takes no memory: the rows are views of one sequence.
        return score_side_by_side(self._net, self._prepared.vocabulary.encode(text).unfold(0, length, 1)).loss

    def accepted(self, symbols: str) -> Iterator[np.ndarray]:
        """Yield for each length 0, 1, 2 ... without end which strings over two symbols the net accepts.

        The net accepts a string if it gives a probability above
        ALLOWING_PROBABILITY to each of its characters and to the mark at
        its end.

        Arguments:
            symbols: two characters of the alphabet.

        Yields:
            Whether each string is accepted, bool, (2**length,). Entry i is the string that is i as a binary number of
            `length` digits; the first symbol is 0, the second 1.
        """
        net, vocabulary = self._net, self._prepared.vocabulary
        indices, mark = vocabulary.encode(symbols), vocabulary.encode(self._prepared.pattern.mark)
        device = net.readout.weight.device
        prefixes = torch.zeros(1, dtype=torch.int64)  # binary numbers of the strings whose characters are all allowed
        with evaluating(net):
            logits_btw, state = net(net.encode(mark[None].to(device)), net.init_state(1))
        length = 0
        while True:
            allowed_bw = (logits_btw[:, -1].softmax(-1) > ALLOWING_PROBABILITY).cpu()
            accepted = np.zeros(2**length, dtype=bool)
            accepted[prefixes[allowed_bw[:, mark[0]]].numpy()] = True
            yield accepted
            length += 1
            # For each symbol, the rows of the prefixes after which it is allowed.
            rows = [allowed_bw[:, symbol].nonzero().flatten() for symbol in indices]
            prefixes = torch.cat([2 * prefixes[of_symbol] + bit for bit, of_symbol in enumerate(rows)])
            if not len(prefixes):  # no longer string is accepted
                logits_btw = logits_btw[:0]
                continue
            last = torch.cat([symbol.expand(len(of_symbol)) for symbol, of_symbol in zip(indices, rows, strict=True)])
            with evaluating(net):
                prefix_state = tuple(values[:, torch.cat(rows).to(device)] for values in state)
                logits_btw, state = net(net.encode(last[:, None].to(device)), prefix_state)
