"""What guided commands share: prompts, answers, and images that change while the operator acts."""

from __future__ import annotations

import os
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import inf
from pathlib import Path
from select import select
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hil_app.control.signals import StopRequest
from hil_app.support.tables import print_table
from robots.base import NotConnected, RobotError, SpeedRefused

_LOOK_EVERY = 0.02  # seconds between two looks while an operator moves something
_DRAW_EVERY = 0.1  # seconds between two images
_HEARD_S = 0.5  # after which a Ctrl-C is heard that came just before a wait for an answer began
YES, NO = ("y", "yes"), ("n", "no")


T = TypeVar("T")


class InputEnded(RobotError):
    """Nobody is there to answer."""


class Guide:
    """Talks with an operator: sentences out, lines in.

    Input that is no terminal is read line by line, and images are not drawn then.
    """

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._typed = b""  # and not asked for yet

    @property
    def _input(self) -> int:
        return sys.stdin.fileno()

    def say(self, *things: RenderableType) -> None:
        """Print sentences or images, each on lines of its own."""
        for thing in things:
            if isinstance(thing, str):
                self.console.print(thing, markup=False)
            elif isinstance(thing, Table):
                print_table(thing)
            else:
                self.console.print(thing)

    def head(self, text: str) -> None:
        """Print what the next part is."""
        self.say("", Text(text, "bold cyan"))

    def images(self, images: Mapping[str, Path]) -> None:
        """Show images from files, each with what it is of; a terminal shows none."""

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Meanwhile the operator sees what is waited for."""
        return self.console.status(text)

    def line(self, text: str) -> None:
        """Print what an operator may copy: never broken into lines."""
        self.console.out(text, highlight=False)

    def problem(self, text: str) -> None:
        """Print what went wrong, and what to do."""
        self.console.print(f"! {text}", style="bold yellow", markup=False)

    def ask(self, question: str, others: Sequence[str] = ()) -> str:  # noqa: ARG002
        """What the operator answers, "" for Enter alone; raises InputEnded.

        ``others`` are answers beside Enter; in a terminal, whatever is typed is one.
        """
        self._forget_typed()
        end = " " if self.console.is_terminal else "\n"  # where Enter shows, it ends the line
        self.console.print(f"> {question}", style="bold", markup=False, end=end)
        return self._answer()

    def ask_text(self, question: str) -> str:
        """The words that the operator answers, "" for Enter alone; raises InputEnded."""
        return self.ask(question)

    def agrees(self, question: str, *, default: bool = True) -> bool:
        """Whether the operator says yes; Enter alone is the ``default``, all else asked again."""
        choice = "[Y/n]" if default else "[y/N]"
        while (answer := self.ask(f"{question} {choice}").lower()) not in ("", *YES, *NO):
            self.problem(f"Type y or n, not {answer!r}.")
        return answer in YES if answer else default

    def choose(self, question: str, choices: Sequence[str]) -> str:
        """Which of the ``choices`` the operator types; Enter alone is the first of them."""
        first, *others = choices
        prompt = f"{question} Press Enter for {first}, or type {' or '.join(others)}."
        while (answer := self.ask(prompt).lower() or first) not in choices:
            self.problem(f"Type one of {', '.join(choices)}, not {answer!r}.")
        return answer

    def reach(self, attempt: Callable[[], T]) -> T:
        """What the first look at an arm gives, for which an operator at a terminal can plug it in.

        Where none is, a port that is not there is the NotConnected that ``attempt`` raises.
        """
        return self.persist(attempt, NotConnected) if sys.stdin.isatty() else attempt()

    def persist(self, attempt: Callable[[], T], mendable: type[RobotError] = RobotError) -> T:
        """What ``attempt`` gives, once it can: whenever it fails, the operator fixes that first.

        Raises InputEnded where nobody is there to, and what is not ``mendable``.
        """
        while True:
            try:
                return attempt()
            except (InputEnded, SpeedRefused):
                raise
            except mendable as error:
                self.problem(str(error))
                self.ask("Fix that, and press Enter to try again.")

    def prompt(self, text: str) -> None:
        """Ask for what is to be done; the answer is not a line, or comes with :meth:`typed`."""
        self._forget_typed()
        self.console.print(f"> {text}", style="bold", markup=False)

    def typed(self, patience_s: float) -> str | None:
        """The line that was typed, "" for Enter alone; None if there is none within ``patience_s``.

        Raises InputEnded.
        """
        return self._line(patience_s)

    def watch(self, prompt: str, look: Callable[[], RenderableType]) -> None:
        """Call ``look`` again and again, showing what it gives, until Enter is pressed."""
        self.prompt(prompt)
        drawn = -_DRAW_EVERY
        with self._shown() as show:
            while self._line(_LOOK_EVERY) is None:
                image, now = look(), time.monotonic()
                if now - drawn >= _DRAW_EVERY:
                    drawn = now
                    show(image)

    @contextmanager
    def _shown(self) -> Iterator[Callable[[RenderableType], None]]:
        """Shows images in one place, each instead of the one before, until the block ends."""
        live = Live(console=self.console, auto_refresh=False, transient=True)
        with self._no_echo(), live:
            yield lambda image: live.update(image, refresh=True)

    def _answer(self) -> str:
        answer = self._line(None)
        assert answer is not None
        return answer

    def _line(self, patience_s: float | None) -> str | None:
        """The next line; None if there is none within ``patience_s``."""
        end = inf if patience_s is None else time.monotonic() + patience_s
        while b"\n" not in self._typed:
            left = max(0.0, end - time.monotonic())
            if not select([self._input], [], [], min(left, _HEARD_S))[0]:
                if left <= _HEARD_S:
                    return None
                continue
            chunk = os.read(self._input, 4096)
            if not chunk:
                raise InputEnded("The input has ended: run this in a terminal.")
            self._typed += chunk
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace").strip()

    def _forget_typed(self) -> None:
        """An impatient Enter must not answer what was not asked yet."""
        if os.isatty(self._input):
            termios.tcflush(self._input, termios.TCIFLUSH)
            self._typed = b""

    @contextmanager
    def _no_echo(self) -> Iterator[None]:
        """Meanwhile what is typed does not show: it would tear an image that changes."""
        if not os.isatty(self._input):
            yield
            return
        before = termios.tcgetattr(self._input)
        quiet = [*before]
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(self._input, termios.TCSANOW, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(self._input, termios.TCSANOW, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What must not be left half done: a Ctrl-C counts at its end, a second one at once."""
    with StopRequest() as stop:
        yield
    if stop():
        raise KeyboardInterrupt
