"""Moore machines: finite automata that have an output in each state, with their minimal form and their differences."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from analysis.words import counted

# The end of an array's name gives its axes: S states, V inputs.

Output = frozenset[str] | None
"""What a state says: the characters that may come next, or the one that is said; empty in a dead state, from which no
string can be completed; `BEYOND`; or None where nothing is asked."""

DEAD: Output = frozenset()
"""The output of a dead state."""

BEYOND: Output = frozenset({"beyond"})
"""The output of the state to which everything leads that is beyond the depth of a machine."""

SIGNS = {DEAD: "×", BEYOND: "…", None: "–"}
"""How the outputs that are no characters are written in tables and pictures."""


def written(output: Output) -> str:
    """Return how an output is written in tables and pictures: its characters in order, or its sign of SIGNS."""
    return SIGNS[output] if output in SIGNS else "".join(sorted(output or ""))


@dataclass(frozen=True, eq=False)
class Machine:
    """A Moore machine with S states over V inputs.

    Attributes:
        inputs: the V characters that it reads, in the order of the columns.
        outputs: the output of each state, S.
        next_sv: the state after each state and input, 0 to S - 1, (S, V). State 0 is the start.

    Raises:
        ValueError: the shapes do not agree, or a state is not one of the S.
    """

    inputs: str
    outputs: tuple[Output, ...]
    next_sv: np.ndarray

    def __post_init__(self) -> None:
        shape = (len(self.outputs), len(self.inputs))
        if self.next_sv.shape != shape or not shape[0]:
            raise ValueError(
                f"next_sv of shape {self.next_sv.shape} for {shape[0]} outputs and {shape[1]} inputs; "
                f"allowed: {shape}, with one state or more"
            )
        if self.next_sv.size and not (self.next_sv.min() >= 0 and self.next_sv.max() < shape[0]):
            raise ValueError(
                f"next_sv holds {self.next_sv.min()} to {self.next_sv.max()}; allowed: 0 to {shape[0] - 1}"
            )

    @property
    def size(self) -> int:
        """S, the number of states, with the dead one and the one for what is beyond the depth, if there are such."""
        return len(self.outputs)

    @property
    def dead(self) -> int | None:
        """The first dead state; None if there is none."""
        return self.outputs.index(DEAD) if DEAD in self.outputs else None

    def states_along(self, word: str) -> list[int]:
        """Return the states before a word and after each of its characters, len(word) + 1.

        Raises:
            ValueError: a character is not an input.
        """
        if unknown := set(word) - set(self.inputs):
            raise ValueError(f"the word holds {min(unknown)!r}; allowed: {self.inputs}")
        states = [0]
        for character in word:
            states.append(int(self.next_sv[states[-1], self.inputs.index(character)]))
        return states

    def run(self, word: str) -> Output:
        """Return the output after a word, which may be empty; the errors are those of `states_along`."""
        return self.outputs[self.states_along(word)[-1]]

    def shortest_words(self) -> dict[int, str]:
        """Return the shortest word to each state that can be reached, in order of length, then of the inputs."""
        words = {0: ""}
        for state in (queue := [0]):  # the loop appends to what it visits
            for character, after in zip(self.inputs, self.next_sv[state].tolist(), strict=True):
                if after not in words:
                    words[after] = words[state] + character
                    queue.append(after)
        return words

    def minimised(self) -> "Machine":
        """Return the machine of the same outputs with the fewest states (Moore 1956).

        Its states are numbered in the order in which a breadth-first search from the start visits them, so that equal
        machines over the same inputs have equal arrays.
        """
        numbers = {output: number for number, output in enumerate(dict.fromkeys(self.outputs))}
        class_s = np.array([numbers[output] for output in self.outputs])
        while True:
            rows = np.column_stack([class_s, class_s[self.next_sv]])
            classes, finer_s = np.unique(rows, axis=0, return_inverse=True)
            if len(classes) == class_s.max() + 1:
                break
            class_s = finer_s.reshape(-1)
        _, member = np.unique(class_s, return_index=True)  # one state of each class
        quotient = class_s[self.next_sv[member]]
        # A class is visited through the state that is its member; the start's class comes first.
        order, place = [int(class_s[0])], {int(class_s[0]): 0}
        for visited in order:
            for after in quotient[visited].tolist():
                if after not in place:
                    place[after] = len(order)
                    order.append(after)
        next_sv = np.array([[place[after] for after in quotient[visited].tolist()] for visited in order], np.int64)
        outputs = tuple(self.outputs[member[visited]] for visited in order)
        return Machine(self.inputs, outputs, next_sv.reshape(len(order), len(self.inputs)))


def shortest_difference(first: Machine, second: Machine) -> str | None:
    """Return the shortest word after which two machines have different outputs; None if they are equal.

    Of words of one length it is the first in the order of the first machine's inputs. It is found on their product, so
    None is exact.

    Raises:
        ValueError: the machines read different characters.
    """
    if set(first.inputs) != set(second.inputs):
        raise ValueError(f"machines that read {first.inputs!r} and {second.inputs!r}; allowed: the same inputs")
    columns = [second.inputs.index(character) for character in first.inputs]
    reached, queue = {(0, 0)}, deque([((0, 0), "")])
    while queue:
        (one, other), word = queue.popleft()
        if first.outputs[one] != second.outputs[other]:
            return word
        for character, pair in zip(
            first.inputs,
            zip(first.next_sv[one].tolist(), second.next_sv[other, columns].tolist(), strict=True),
            strict=True,
        ):
            if pair not in reached:
                reached.add(pair)
                queue.append((pair, word + character))
    return None


def wrong_parts(machine: Machine, true: Machine) -> tuple[np.ndarray, np.ndarray]:
    """Return the states and the moves of a machine that differ from those of the true one: bool, (S,) and (S, V).

    A state stands for the state of the true machine that its shortest word leads to. It is wrong if the two have
    different outputs. A move is wrong if it leads to a state that stands for another one than the true move leads to.

    Arguments:
        machine: a machine, all of whose states can be reached.
        true: the true machine.

    Raises:
        ValueError: the machines read different characters, or a state cannot be reached.
    """
    words = machine.shortest_words()
    if set(machine.inputs) != set(true.inputs) or len(words) < machine.size:
        unreached = counted(machine.size - len(words), "state")
        raise ValueError(
            f"machines that read {machine.inputs!r} and {true.inputs!r}, with "
            f"{unreached} that cannot be reached; allowed: the same inputs, and no such states"
        )
    stands_for = np.array([true.states_along(words[state])[-1] for state in range(machine.size)])
    wrong = [machine.outputs[state] != true.outputs[other] for state, other in enumerate(stands_for.tolist())]
    columns = [true.inputs.index(character) for character in machine.inputs]
    return np.array(wrong), stands_for[machine.next_sv] != true.next_sv[stands_for][:, columns]
