"""Hides the passwords and tokens of addresses in what is printed or recorded."""

import re

HIDDEN = "***"
"""What stands in place of a password or token."""

# After `USER:` comes a password, unless it is the port of a host. It may hold an @ of its own.
_PASSWORD = re.compile(
    r"\b([a-z][a-z0-9+.-]*://[^\s/?#:\[\]]*):(?!\d+(?:[\s/?#'\")>]|[,;](?!\S*@)|$))\S*@", re.IGNORECASE
)

# Alone, or with a password that says nothing.
_TOKEN_AS_USER = re.compile(r"\b(https?://)[^\s/?#:@]+(?::(?:x-oauth-basic)?)?@", re.IGNORECASE)

_SECRET = (
    r"[\w.-]*(?:token|passw(?:or)?d|passphrase|pwd|secret|signature|credential)"
    r"|pass|sig|auth|key|[\w.-]*(?:api|access|private)[_-]?key(?:[_-]?id)?"
)
_IN_QUERY = re.compile(rf"([?&;](?:{_SECRET})=)[^\s&#]*[^\s&#\\'\"<>(){{}}\[\],;.]", re.IGNORECASE)


def redacted(text: str) -> str:
    r"""Return a text in which every password and token of an address is replaced by three stars.

    Arguments:
        text: any text, such as an address, a command line or an error message. Redact a text before you shorten it:
            half an address is not recognised.

    Example:
        >>> redacted("postgresql+psycopg://anna:1234@host:5432/runs cannot be read")
        'postgresql+psycopg://anna:***@host:5432/runs cannot be read'
        >>> redacted("https://ghp_1234@host/repository?access_token=1234&page=2")
        'https://***@host/repository?access_token=***&page=2'
    """
    text = _TOKEN_AS_USER.sub(rf"\1{HIDDEN}@", text)
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _IN_QUERY.sub(rf"\1{HIDDEN}", text)


def redact_error(error: BaseException) -> None:
    """Redact the messages of an error and of the errors behind it, before somebody else prints them."""
    behind: BaseException | None = error
    while behind is not None:
        behind.args = tuple(redacted(value) if isinstance(value, str) else value for value in behind.args)
        behind = behind.__cause__ or behind.__context__
