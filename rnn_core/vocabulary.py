"""Characters to indices and back.

torch is imported where a tensor is made: patterns need this module, and would wait seconds for it.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


class UnknownCharacterError(ValueError):
    """A text holds a character outside the alphabet; the message names both."""

    def __init__(self, character: str, alphabet: str) -> None:
        shown = alphabet if len(alphabet) <= 200 else f"{alphabet[:200]}..."
        super().__init__(f"the character {character!r} is not in the alphabet {shown!r} ({len(alphabet)} characters)")
        self.character = character


class Vocabulary:
    """The distinct characters of an alphabet, numbered from 0 in code-point order.

    Arguments:
        alphabet: the characters, in any order, repeats allowed; at least one.

    Example:
        >>> vocabulary = Vocabulary("cab")
        >>> vocabulary.encode("abcab").tolist()
        [0, 1, 2, 0, 1]
        >>> vocabulary.decode([2, 0])
        'ca'
    """

    def __init__(self, alphabet: str) -> None:
        self.characters = "".join(sorted(set(alphabet)))
        self.to_index = {character: index for index, character in enumerate(self.characters)}
        self.to_character = dict(enumerate(self.characters))
        self._code_points = code_points(self.characters)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> "Tensor":
        """Return `indices(text)` as a tensor."""
        import torch

        return torch.from_numpy(self.indices(text))

    def indices(self, text: str) -> np.ndarray:
        """Return the indices of the characters of `text`: int64, shape (len(text),), 0 to len(self) - 1.

        Raises:
            UnknownCharacterError: a character of `text` is not in the alphabet.
        """
        points = code_points(text)
        indices = np.searchsorted(self._code_points, points).clip(max=len(self) - 1)
        unknown = self._code_points[indices] != points
        if unknown.any():
            raise UnknownCharacterError(text[int(unknown.argmax())], self.characters)
        return indices.astype(np.int64)

    def decode(self, indices: "Tensor | list[int]") -> str:
        """Return the characters at `indices`, whole numbers from 0 to len(self) - 1."""
        return "".join(self.characters[index] for index in np.asarray(indices).tolist())


def visible(text: str) -> str:
    """Return `text` with a visible sign in place of each line end, tab and control character; the length stays."""
    signs = {"\n": "\u21b5", "\r": "\u240d", "\t": "\u21e5"}
    return "".join(signs.get(c, c if c.isprintable() else "\u25a1") for c in text)


def code_points(text: str) -> np.ndarray:
    """Return the Unicode numbers of a text's characters: uint32, (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
