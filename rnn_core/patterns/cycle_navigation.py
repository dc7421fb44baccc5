"""cycle_navigation: where does a walk on a circle end?"""

from rnn_core.patterns.shared.answers import Folding

PLACES = 5


class CycleNavigation(Folding):
    """A walk on a circle of five places, > forward, < back, . stay, and where it ends (Delétang et al. 2022).

    Example:
        >>> CycleNavigation("").answer(">>.<>>>")
        '4'
    """

    family = example = "cycle_navigation"
    symbols = ".<>"
    digits = "01234"
    begin = "0"

    def answer(self, question: str) -> str:
        return str((question.count(">") - question.count("<")) % PLACES)

    def fold(self, memory: str, symbol: str) -> str:
        after = {".": "01234", ">": "12340", "<": "40123"}[symbol]
        return after[int(memory)]

    def conclude(self, memory: str) -> str:
        return memory
