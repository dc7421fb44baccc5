"""Single characters that stand for numbers: digits and letters, as many as a pattern needs."""

import string

SYMBOLS = (
    string.digits
    + string.ascii_uppercase
    + string.ascii_lowercase
    + "".join(c for c in map(chr, range(0xC0, 0x250)) if c.isalpha())
)
"""The character of each number from 0 on, in code-point order: 0-9, A-Z, a-z and then the letters with accents of
Latin-1 and Latin Extended. 10 is A, 36 is a, 62 is \u00c0, 124 is \u0100; 460 in all."""


def symbols(count: int) -> str:
    """Return the characters of the numbers 0 to `count` - 1; they are in code-point order.

    Arguments:
        count: 1 to len(SYMBOLS).

    Example:
        >>> symbols(12)
        '0123456789AB'
    """
    return SYMBOLS[:count]
