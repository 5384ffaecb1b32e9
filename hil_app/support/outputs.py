"""What is printed, for terminals, pipes and files that may be slow, full, gone, or know no Unicode.

A command waits for whoever reads what it prints, and ends when nobody does any more, as
``| head -1`` has it. A run has more to do than print: it says :func:`carry_on`, and from then on
nothing waits, and nothing ends.
"""

from __future__ import annotations

import io
import os
import select
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hil_app.support.worker import Worker

_MOST = 2_000  # pieces of text that wait for a reader who takes nothing
_PATIENCE = 2.0  # with such a reader, at the end [s]
_SIGPIPE = 141  # the exit status of a program whose reader has gone
_NARROWEST, _WIDEST = 20, 1000  # that a terminal is taken for [columns]
_NAMES = {1: "standard output", 2: "standard error"}


class Output(io.TextIOBase):
    """Text for a file descriptor: ``number`` 1, the standard output, or 2, the standard error.

    What ``encoding`` cannot say is replaced.
    """

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, number: int, encoding: str) -> None:
        super().__init__()
        self.encoding, self._number = encoding, number
        self._problem: OSError | None = None  # why nobody gets the text any more
        self._ended = self._slept_through = False
        self._lost = 0  # pieces of text, reported so far
        self._backlog: Worker[str] | None = None  # once nobody is to wait

    @property
    def waiting(self) -> int:
        """Pieces of text that nobody has taken yet."""
        return 0 if self._backlog is None else self._backlog.waiting

    def carry_on(self) -> None:
        """From now on nobody waits for the reader: a thread passes the text on."""
        if self._backlog is None:
            name = f"output {self._number}"
            self._backlog = Worker(name, self._send, most=_MOST, failed=self._tell)

    def write(self, text: str) -> int:
        """Print ``text``; raises SystemExit, once, if that can no longer be, and is to be."""
        if self._backlog is not None:
            self._backlog.put(text)
            return len(text)
        if self._problem is None:
            try:
                self._send([text])
            except OSError as problem:
                self._problem = problem
        if self._problem is not None:
            self._end(self._problem)
        return len(text)

    def drain(self) -> bool:
        """Wait a little for the reader, once; returns whether all is read."""
        if self._backlog is None:
            return True
        drained = self._backlog.drain(0.0 if self._slept_through else _PATIENCE)
        self._slept_through = not drained
        return drained

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._number)

    def fileno(self) -> int:
        """The file descriptor."""
        return self._number

    def writable(self) -> bool:
        """It is."""
        return True

    def _send(self, texts: list[str]) -> None:
        rest = "".join([*texts, self._left_out()]).encode(self.encoding, self.errors)
        while rest:
            try:
                rest = rest[os.write(self._number, rest) :]
            except BlockingIOError:  # another program has made the terminal so
                select.select([], [self._number], [])

    def _left_out(self) -> str:
        """A word about what nobody has taken since the last one."""
        lost = 0 if self._backlog is None else self._backlog.lost
        new, self._lost = lost - self._lost, lost
        return f"\n[{new} pieces of text are left out here: nobody took them]\n" if new else ""

    def _end(self, problem: OSError) -> None:
        """End the program that has nobody to print for; without an output for errors it goes on."""
        here = threading.current_thread() is threading.main_thread()
        if self._ended or self._number != 1 or not here:
            return
        self._ended = True
        if isinstance(problem, BrokenPipeError):
            raise SystemExit(_SIGPIPE)
        raise SystemExit(f"hil-app: cannot print: {problem.strerror}")

    def _tell(self, problem: BaseException) -> None:
        if self._number == 1:
            why = getattr(problem, "strerror", None) or str(problem)
            print(f"hil-app: goes on without printing: {why}", file=sys.stderr)


@contextmanager
def printing() -> Iterator[None]:
    """Around a whole command that prints: what it prints goes through an :class:`Output`."""
    _open_standard_files()
    _see_to_size()
    before = sys.stdout, sys.stderr
    if before == (sys.__stdout__, sys.__stderr__):  # else somebody else listens
        sys.stdout, sys.stderr = (
            Output(number, getattr(stream, "encoding", None) or "utf-8")
            for number, stream in enumerate(before, 1)
        )
    try:
        yield
    finally:
        settle()
        sys.stdout, sys.stderr = before


def carry_on() -> None:
    """What this command does goes on, and waits for nobody, whatever becomes of its readers."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Output):
            stream.carry_on()


def settle() -> None:
    """Give readers a little time for what was printed so far."""
    with suppress(KeyboardInterrupt):  # which is impatience
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Output) and not stream.drain() and stream is sys.stdout:
                print("hil-app: nobody reads: the last lines are not shown", file=sys.stderr)


def _open_standard_files() -> None:
    """No other file may get the number of one that was closed: libraries print there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _see_to_size() -> None:
    """Keep a terminal's size within what can be drawn for."""
    for name in ("COLUMNS", "LINES"):
        given = os.environ.get(name, "1")
        if not (given.isascii() and given.isdigit() and len(given) < 6 and int(given)):
            del os.environ[name]
    columns = shutil.get_terminal_size().columns
    if not _NARROWEST <= columns <= _WIDEST:
        os.environ["COLUMNS"] = str(min(max(columns, _NARROWEST), _WIDEST))
