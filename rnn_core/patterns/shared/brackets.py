"""The characters of brackets of several kinds."""

import string

OPENING = "([{<" + string.ascii_lowercase
"""The opening bracket of each kind; the first k are those of k kinds."""

CLOSING = ")]}>" + string.ascii_uppercase
"""The closing bracket of each kind."""


def height(text: str) -> int:
    """Return the greatest number of brackets that are open at once, of all kinds together.

    Arguments:
        text: brackets, without marks.

    Example:
        >>> height("([)]()")
        2
    """
    depth = greatest = 0
    for character in text:
        depth += 1 if character in OPENING else -1
        greatest = max(greatest, depth)
    return greatest
