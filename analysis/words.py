"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """Return a number with a noun, which has an s unless the number is 1.

    Example:
        >>> counted(1, "state"), counted(1200, "state")
        ('1 state', '1,200 states')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"
