"""elman: three made-up words in random order."""

from random import Random

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import spec_error

WORDS = ("ba", "dii", "guuu")

VOWELS = {"b": ("a", 1), "d": ("i", 2), "g": ("u", 3)}
"""For each consonant the vowel after it, and how often it comes."""

JUDGED_LENGTH = 3000
"""The number of test characters, from the beginning, whose losses are listed by their place in the word."""


class Elman(Pattern):
    """The words ba, dii and guuu in random order, all equally likely, without gaps (Elman 1990).

    A consonant is random, the vowels after it are determined by it. The table of reach has the loss at each place of
    a word: place 0 is the consonant, places 1 to 3 are the vowels.

    Example:
        >>> Elman("").sample(20, Random(1))
        'baguuuguuubadiidiidi'
    """

    family = example = "elman"
    recipe = {"encoding": "onehot", "epochs": 20, "batch_size": 32, "window": 50, "schedule": "cosine"}

    def __init__(self, argument: str) -> None:
        if argument:
            raise spec_error(f"elman:{argument}", "elman alone")
        self.alphabet = "abdgiu"
        self.default_length = 50_000
        self.oracle = StateOracle(self.alphabet, ("", 0), self._transitions)

    @property
    def spec(self) -> str:
        return "elman"

    def sample(self, length: int, rng: Random) -> str:
        words = rng.choices(WORDS, k=length // 2 + 1)
        return "".join(words)[:length]

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        text = evaluation.text[:JUDGED_LENGTH]
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

    def state_labels(self, state: tuple[str, int]) -> dict[str, int | str]:
        """Return `place`, that of the last letter in its word, 0 to 3, and `word`, the whole word."""
        vowel, remaining = state
        word = next((word for word in WORDS if vowel and vowel in word), "")
        return {"place": len(word) - 1 - remaining, "word": word}

    def _transitions(self, state: tuple[str, int]) -> Transitions:
        """Return the transitions from a vowel and how often it still comes."""
        vowel, remaining = state
        if remaining:
            return {vowel: (1.0, (vowel, remaining - 1))}
        return {consonant: (1 / 3, next_state) for consonant, next_state in VOWELS.items()}
