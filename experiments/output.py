"""Starts a program so that what it prints may go nowhere: that costs the output, and not what the program does."""

import contextlib
import io
import logging
import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from analysis.credentials import redact_error
from experiments.flags import complain

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NOT_WRITTEN = "what is printed cannot be written:"


def run_program(main: Callable[[], int], only_prints: bool = False) -> NoReturn:
    """Run a command as the program of this process, and exit with the status that it returns.

    Arguments:
        main: does the work, and returns the exit status.
        only_prints: whether the work is of no use if nobody reads it. Then the program ends with the first output that
            is not taken: with status 0 if the reader has gone, with a message and status 1 otherwise.
    """
    logging.captureWarnings(True)  # libraries' warnings are for their developers, not between the lines of a run
    protect_output(_end if only_prints else _go_on)
    try:
        try:
            status: Any = main()
        except SystemExit as end:
            status = end.code
        except Exception as error:
            redact_error(error)  # Python prints it
            with contextlib.suppress(_OutputLost):
                sys.stdout.flush()
            raise
        sys.stdout.flush()  # at the exit of Python, an error could not be met
    except _OutputLost as end:
        gone = isinstance(end.error, BrokenPipeError)  # the reader has seen enough
        status = 0 if gone else complain(f"{NOT_WRITTEN} {end.error.strerror}", 1)
    sys.exit(status)


def protect_output(failed: Callable[[OSError], None] | None = None) -> None:
    """Let nothing that this process prints raise an error, unless `failed` does.

    What a reader, a full disk or a lost terminal does not take is dropped, and characters that the encoding lacks are
    written as their codes. A standard stream that is closed becomes the null device: otherwise the next file that is
    opened, such as the database, would get its number, and what code in C prints would be written into that file.

    Arguments:
        failed: is called at the first output on stdout that is not taken, with the error; None: nothing is.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free is this one
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115  (open to the end)
    sys.stdout = _protected(sys.stdout, failed)
    sys.stderr = _protected(sys.stderr, None)


def output_lost() -> bool:
    """Return whether something that this process printed on stdout was not taken, so that nobody may be reading."""
    raw = _raw(sys.stdout)
    return isinstance(raw, _Output) and raw.lost


class _OutputLost(BaseException):
    """Ends a program that only prints.

    Arguments:
        error: why its output is not taken.
    """

    def __init__(self, error: OSError) -> None:
        self.error = error


class _Output(io.FileIO):
    """A file descriptor to which writing never raises an OSError: what it does not take is dropped.

    Arguments:
        descriptor: its number.
        failed: is called with the error of the first write that fails; None: nothing is.

    Attributes:
        lost: whether a write has failed.
    """

    def __init__(self, descriptor: int, failed: Callable[[OSError], None] | None) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.lost, self._failed = False, failed

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write the data, or drop what is not taken of them; return how many bytes they are."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        try:
            while rest:
                written = super().write(rest)
                if written is None:  # another program has set the pipe not to wait
                    select.select([], [self], [])
                rest = rest[written or 0 :]
        except OSError as error:
            first, self.lost = not self.lost, True
            if first and self._failed:
                self._failed(error)
        return size


def _protected(stream: TextIO | None, failed: Callable[[OSError], None] | None) -> TextIO:
    """Return a text stream to the same place that never raises; one to the null device in place of None."""
    if stream is None:  # closed when this program began
        raw = _Output(os.open(os.devnull, os.O_WRONLY), failed)
        raw.lost = True
        return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
    if not isinstance(stream, io.TextIOWrapper):  # a notebook's or a test's, which takes all characters
        return stream
    if not isinstance(_raw(stream), io.FileIO):  # the console of Windows
        stream.reconfigure(errors="backslashreplace")
        return stream
    raw = _Output(stream.fileno(), failed)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream: TextIO) -> object:
    """Return what a text stream writes its bytes to, below every buffer; None if that is not known."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _go_on(error: OSError) -> None:
    """Say on stderr that stdout takes no more, unless its reader has gone on purpose."""
    if not isinstance(error, BrokenPipeError):
        print(f"{NOT_WRITTEN} {error.strerror}", file=sys.stderr, flush=True)


def _end(error: OSError) -> None:
    """End the program because its output is not taken."""
    raise _OutputLost(error)
