"""Errors of a command whose message is one line for the person who typed it; it shows no password and no token."""

from analysis.credentials import redacted


class UsageError(Exception):
    """The command line cannot be used; the message says what came and what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class TrackingError(Exception):
    """The tracking store cannot be used; the message names it and says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))
