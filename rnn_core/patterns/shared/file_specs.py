"""Specs that name a file, such as `family:PATH` or `family:PATH:option=value`, and the text of such a file."""

import os
from pathlib import Path

from rnn_core.files import read_whole_file
from rnn_core.patterns.shared.specs import spec_error

MAX_BYTES = 10**9
"""The largest file, in bytes; a training text has to fit into the memory hundreds of times."""

BYTE_ORDER_MARK = "\ufeff"
"""What some editors write at the beginning of a file, and show to nobody."""


def split_option(argument: str, name: str) -> tuple[str, str | None]:
    """Return the path in an argument `PATH` or `PATH:name=value`, and the value; None without the option.

    The option is looked for from the right, so that the path may hold colons. A file whose name is the whole argument
    wins over an option.
    """
    path, option, value = argument.rpartition(f":{name}=")
    try:
        is_file = os.path.lexists(Path(argument).expanduser())
    except RuntimeError:  # the home directory of ~user is unknown
        is_file = False
    return (argument, None) if is_file or not option else (path, value)


def read_text(spec: str, name: str) -> tuple[Path, str, bool]:
    """Return the absolute path of a UTF-8 file, its text, and whether a byte order mark before the text was left out.

    Arguments:
        spec: the spec, for the error.
        name: the path as it stands in the spec; `~` is the home directory.

    Raises:
        ConfigError: the file cannot be read, is larger than MAX_BYTES, or is not UTF-8.
    """
    path = Path(name)
    try:
        path = path.expanduser().absolute()
        text = read_whole_file(path, MAX_BYTES).decode()
    except UnicodeDecodeError as error:
        raise spec_error(spec, f"UTF-8 files ({path}: byte {error.start} is not UTF-8)") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: the home directory of ~user is unknown
        reason = getattr(error, "strerror", None) or str(error)
        raise spec_error(spec, f"a readable UTF-8 file ({path}: {reason})") from None
    marked = text.startswith(BYTE_ORDER_MARK)
    return path, text[1:] if marked else text, marked


def byte_order_note(path: Path) -> str:
    """Return the note that a byte order mark was left out."""
    return f"{path.name} begins with a byte order mark (U+FEFF), which is left out"


def short_path(path: Path) -> Path:
    """Return a file with its folder, by which two files of the same name differ."""
    return Path(path.parent.name, path.name)
