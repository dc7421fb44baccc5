"""flipflop: bits of memory that pulses set and reset, and that are said after each step."""

import itertools
import math
import string
from collections.abc import Mapping
from random import Random

from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.oracle import StateOracle, Transitions
from rnn_core.patterns.shared.specs import parse_whole_number, spec_error
from rnn_core.patterns.shared.symbols import symbols
from rnn_core.patterns.shared.transducer import Transducer

SILENT = "."
"""The character of a step without a pulse; also a bit that a step does not change."""

EVEN = 1 / 2
"""The probability that a silence is drawn evenly from 1 to LONGEST_EVEN, and not from the geometric distribution."""

LONGEST_EVEN = 50
"""The longest of the silences that are drawn evenly."""

STOP = 1 / 4
"""The probability that a geometric silence ends after each of its steps, of which it has 1 or more: 4 in the mean."""

GAPS = (1, 2, 5, 10, 20, 50)
"""The steps without a pulse in the test cases within the range of training, as far as it goes."""

TEST_GAPS = (100, 200, 400)
"""The same in the test cases beyond training."""


class FlipFlop(Transducer):
    """Bits of memory: A, B, C set them, a, b, c clear them, a dot changes none; said is their binary number, A first.

    `flipflop:3:silence=mixed`, in short `flipflop:3`, has three bits. All are 0 at first. A letter is a pulse; all
    pulses are equally likely. Before each pulse there is a silence of dots: with probability 1/2 it is geometric (1 or
    more, 4 in the mean), otherwise 1 to 50, all equally likely. Said is 0 to 7 for three bits, for more of them A to Z
    after 9, a to z, and letters with accents. The table of reach has silences of 100, 200 and 400 after every memory.

    `flipflop:3:golub` is the published set-up (Sussillo & Barak 2013, Golub & Sussillo 2018), with 27 characters.

    Before it was a transducer, `flipflop:3` was a stream of pulses and bits, in which a net reads again what it should
    remember. Runs on that stream are recorded as `flipflop:3`, runs on this one as `flipflop:3:silence=mixed`.

    Example:
        >>> text = FlipFlop("2").sample(40, Random(2))
        >>> text, FlipFlop("2").transduce(text)
        ('...........A...........B...a......b.....', '0000000000022222222222233331111111000000')
    """

    family = "flipflop"
    example = "flipflop:3"
    former_arguments = tuple("12345678")
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 12,
        "batch_size": 32,
        "window": 128,
        "schedule": "cosine",
        "clip": 1.0,
    }

    def __init__(self, argument: str) -> None:
        spec, (bits, _, options) = f"flipflop:{argument}", argument.partition(":")
        count = parse_whole_number(spec, "k, the number of bits,", bits, 1, 8, "flipflop:3")
        if options not in ("", "silence=mixed"):
            raise spec_error(
                spec, f"flipflop:{bits}, flipflop:{bits}:silence=mixed or flipflop:{bits}:golub, not {options!r}"
            )
        changes = {SILENT: SILENT * count}
        for bit in range(count):
            for name, value in ((string.ascii_uppercase[bit], "1"), (string.ascii_lowercase[bit], "0")):
                changes[name] = SILENT * bit + value + SILENT * (count - bit - 1)
        self._set_up(count, changes)

    @classmethod
    def from_argument(cls, argument: str) -> Pattern:
        return (GolubFlipFlop if argument.partition(":")[2] == "golub" else cls)(argument)

    def _set_up(self, bits: int, changes: Mapping[str, str]) -> None:
        """Set the attributes of a flip-flop.

        Arguments:
            bits: the number k of bits.
            changes: for each character that is read, what it does to each of the k bits: 1, 0, or SILENT for nothing.
        """
        self.bits, self.changes = bits, changes
        self.alphabet = "".join(sorted(changes))
        self.default_length = 200_000
        memories = list(map("".join, itertools.product("01", repeat=bits)))
        self.symbol_of = dict(zip(memories, symbols(len(memories)), strict=True))
        self._next_memory = {
            memory: {character: self._changed(memory, change) for character, change in changes.items()}
            for memory in memories
        }
        self.oracle = StateOracle(self.alphabet, (0, "0" * bits), self._transitions)

    @staticmethod
    def _changed(memory: str, change: str) -> str:
        """Return the bits after a change."""
        return "".join(bit if new == SILENT else new for bit, new in zip(memory, change, strict=True))

    @property
    def spec(self) -> str:
        return f"flipflop:{self.bits}:silence=mixed"

    @property
    def outputs(self) -> str:
        return "".join(self.symbol_of.values())

    def sample(self, length: int, rng: Random) -> str:
        names = string.ascii_uppercase[: self.bits]
        pieces: list[str] = []
        drawn = 0
        while drawn < length:
            silence = rng.randint(1, LONGEST_EVEN) if rng.random() < EVEN else geometric_silence(rng)
            name = rng.choice(names)
            pieces.append(SILENT * silence + (name if rng.random() < 1 / 2 else name.lower()))
            drawn += silence + 1
        return "".join(pieces)[:length]

    def transduce(self, text: str) -> str:
        memory, said = "0" * self.bits, []
        for character in text:
            memory = self._next_memory[memory][character]
            said.append(self.symbol_of[memory])
        return "".join(said)

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        gaps = [*(gap for gap in GAPS if gap <= self._longest_gap(training_text)), *TEST_GAPS]
        cases = []
        for gap in gaps:
            for memory in self.symbol_of:
                text = self._written(memory) + SILENT * gap
                cases.append(Case("gap", gap, text, tuple(range(len(text) - gap, len(text)))))
        return cases

    def _written(self, memory: str) -> str:
        """Return a text that ends with a pulse and leaves a memory, whatever was there before."""
        character_of = {change: character for character, change in self.changes.items()}
        pulses = (SILENT * bit + value + SILENT * (self.bits - bit - 1) for bit, value in enumerate(memory))
        return "".join(SILENT + character_of[pulse] for pulse in pulses)

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        return {"gap": (0, self._longest_gap(training_text))}

    def _longest_gap(self, text: str) -> int:
        """Return the largest number of steps in a row without a pulse."""
        return max(map(len, "".join(c if c == SILENT else " " for c in text).split(" ")))

    def state_labels(self, state: tuple[int, str]) -> dict[str, int]:
        """Return `bit_A`, `bit_B` ..., the bits after the step."""
        _, memory = state
        return {f"bit_{letter}": int(bit) for letter, bit in zip(string.ascii_uppercase, memory, strict=False)}

    def _transitions(self, state: tuple[int, str]) -> Transitions:
        """Return the transitions from the steps since the last pulse (at most LONGEST_EVEN + 1) and the bits."""
        silence, memory = state
        pulse = pulse_probability(silence)
        transitions: dict[str, tuple[float, object]] = {
            SILENT: (1 - pulse, (min(silence + 1, LONGEST_EVEN + 1), memory))
        }
        if pulse:
            share = pulse / (len(self.alphabet) - 1)
            for character, change in self.changes.items():
                if character != SILENT:
                    transitions[character] = (share, (0, self._changed(memory, change)))
        return transitions


class GolubFlipFlop(FlipFlop):
    """k bits of memory whose channels are pulsed independently, several of them at one step, as it was published.

    `flipflop:3:golub` (Sussillo & Barak 2013, Golub & Sussillo 2018). At the first step every channel has a pulse, at
    each later one with probability 1/2; a pulse sets its bit to 1 or to 0, both equally likely. So a bit is held for
    two steps in the mean. With three channels there are 27 characters: a dot where none has a pulse, and a to z for the
    other ways, counted with the digits no pulse, 1, 0, of which that of C changes fastest: `a` sets C, `b` resets it,
    `c` sets B, `z` resets all. What is said is the number that the bits are in binary, the bit of A first. The
    published trials of 64 steps are one stream here, cut by `batch_size` and `window`.

    Example:
        >>> text = GolubFlipFlop("3:golub").sample(30, Random(1))
        >>> text, GolubFlipFlop("3:golub").transduce(text)
        ('yltfoi.b.v..i.tocih.ccbbjob.rh', '172044444333772466446666754400')
    """

    def __init__(self, argument: str) -> None:
        spec, bits = f"flipflop:{argument}", argument.partition(":")[0]
        count = parse_whole_number(spec, "k, the number of channels,", bits, 1, 3, "flipflop:3:golub")
        ways = map("".join, itertools.product(SILENT + "10", repeat=count))
        self._set_up(count, dict(zip(SILENT + string.ascii_lowercase, ways, strict=False)))

    @property
    def spec(self) -> str:
        return f"flipflop:{self.bits}:golub"

    def sample(self, length: int, rng: Random) -> str:
        character_of = {change: character for character, change in self.changes.items()}
        text = []
        for step in range(length):
            pulses = (rng.choice("01") if step == 0 or rng.random() < 1 / 2 else SILENT for _ in range(self.bits))
            text.append(character_of["".join(pulses)])
        return "".join(text)

    def _written(self, memory: str) -> str:
        return next(character for character, change in self.changes.items() if change == memory)

    def _transitions(self, state: tuple[int, str]) -> Transitions:
        """Return the transitions from 0 before the first step, 1 after it, and the bits."""
        step, memory = state
        transitions: dict[str, tuple[float, object]] = {}
        for character, change in self.changes.items():
            silent = change.count(SILENT)
            if step or not silent:
                probability = (1 / 2) ** self.bits if not step else (1 / 2) ** silent * (1 / 4) ** (self.bits - silent)
                transitions[character] = (probability, (1, self._changed(memory, change)))
        return transitions


def geometric_silence(rng: Random) -> int:
    """Draw a geometric silence of 1 or more steps, which ends after each with probability STOP."""
    return 1 + int(math.log(1 - rng.random()) / math.log(1 - STOP))


def pulse_probability(silence: int) -> float:
    """Return the probability that a pulse follows, given that there were `silence` steps without one before it."""
    if silence == 0:
        return 0.0
    # The probabilities that a silence is of either kind and has this length or more, and that it ends here.
    geometric = (1 - EVEN) * (1 - STOP) ** (silence - 1)
    even = EVEN * max(0, LONGEST_EVEN + 1 - silence) / LONGEST_EVEN
    ends = STOP * geometric + (EVEN / LONGEST_EVEN if even else 0.0)
    return ends / (geometric + even)
