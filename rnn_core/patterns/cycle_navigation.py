"""cycle_navigation: the last place of a walk on a circle."""

from rnn_core.patterns.shared.answers import Folding

PLACES = 5


class CycleNavigation(Folding):
    """A walk on a circle of five places, > forward, < back, . stay, and where it ends (Delétang et al. 2022).

    Example:
        >>> CycleNavigation("").answer(">>.<>>>")
        '4'
    """

    family = example = "cycle_navigation"
    recipe = {
        **Folding.recipe,
        "length": 100_000,
        "epochs": 200,
        "learning_rate": 0.003,
        "batch_size": 128,
        "draws": "every-epoch",
        "batches": "one-length",
        "curriculum": 0.1,
    }
    symbols = ".<>"
    digits = "01234"
    initial_memory = "0"

    def answer(self, question: str) -> str:
        return str((question.count(">") - question.count("<")) % PLACES)

    def fold(self, memory: str, symbol: str) -> str:
        next_place = {".": "01234", ">": "12340", "<": "40123"}[symbol]
        return next_place[int(memory)]

    def answer_from(self, memory: str) -> str:
        return memory
