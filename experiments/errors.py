"""Errors of a command whose message is one line for the person who typed it."""


class UsageError(Exception):
    """The command line cannot be used; the message says what came and what is allowed."""


class TrackingError(Exception):
    """The tracking store cannot be used; the message names it and says what to change."""
