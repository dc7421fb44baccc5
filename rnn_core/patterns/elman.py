"""elman: three made-up words, of which only the first letter is a surprise."""

from random import Random

from rnn_core.patterns.shared.base import Pattern, refuse
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import Moves, StateOracle

WORDS = ("ba", "dii", "guuu")

VOWELS = {"b": ("a", 1), "d": ("i", 2), "g": ("u", 3)}

SHOWN = 3000
"""Characters of the test that are judged place by place."""


class Elman(Pattern):
    """The words ba, dii and guuu in random order, all equally likely, without gaps (Elman 1990).

    A consonant cannot be known, the vowels after it can; the table has the loss at each place of a word: 0 is the
    consonant, 1 to 3 are the vowels.

    Example:
        >>> Elman("").sample(20, Random(1))
        'baguuuguuubadiidiidi'
    """

    family = example = "elman"
    recipe = {"encoding": "onehot", "epochs": 20, "batch_size": 32, "window": 50, "schedule": "cosine"}

    def __init__(self, argument: str) -> None:
        if argument:
            raise refuse(f"elman:{argument}", "elman alone")
        self.alphabet = "abdgiu"
        self.default_length = 50_000
        self.oracle = StateOracle(self.alphabet, ("", 0), self._moves)

    @property
    def spec(self) -> str:
        return "elman"

    def sample(self, length: int, rng: Random) -> str:
        words = rng.choices(WORDS, k=length // 2 + 1)
        return "".join(words)[:length]

    def cases(self, evaluation: Evaluation, training_text: str, data_seed: int) -> list[Case]:
        text = evaluation.text[:SHOWN]
        places: dict[int, list[int]] = {}
        place = 0
        for position, letter in enumerate(text):
            place = 0 if letter in VOWELS else place + 1
            places.setdefault(place, []).append(position)
        return [
            Case("place_in_word", place, text, tuple(position for position in positions if position > 0))
            for place, positions in sorted(places.items())
        ]

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"place_in_word": (0, 3)}

    def knows(self, state: tuple[str, int]) -> dict[str, int | str]:
        """Return `place`, in its word, of the letter just read, 0 to 3, and the `word`: its first letter tells it."""
        vowel, left = state
        word = next((word for word in WORDS if vowel and vowel in word), "")
        return {"place": len(word) - 1 - left, "word": word}

    def _moves(self, state: tuple[str, int]) -> Moves:
        """Go from the vowel to come and how many of it are left."""
        vowel, left = state
        if left:
            return {vowel: (1.0, (vowel, left - 1))}
        return {consonant: (1 / 3, after) for consonant, after in VOWELS.items()}
