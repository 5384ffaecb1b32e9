"""The guide of a command that a page has started: the operator is in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rich.console import RenderableType

from hil_app.cli.arm.guide import NO, YES, Guide
from hil_app.setup.told import content_of, on_the_page, tell

T = TypeVar("T")


def new_guide() -> Guide:
    """Who talks with the operator: in a browser if a page has started this, or in the terminal."""
    return PageGuide() if on_the_page() else Guide()


class PageGuide(Guide):
    """Says the same to a page; an answer is a line."""

    def say(self, *things: RenderableType) -> None:
        """Show sentences or tables."""
        for thing in things:
            tell(**content_of(thing))

    def head(self, text: str) -> None:
        """Show what the next part is."""
        tell(head=text)

    def images(self, images: Mapping[str, Path]) -> None:
        """Show images from files, each with what it is of."""
        if images:
            tell(images=[[what, str(path)] for what, path in images.items()])

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Meanwhile the operator sees what is waited for."""
        tell(look={"busy": text})
        try:
            yield
        finally:
            tell(look=None)

    def line(self, text: str) -> None:
        """Show what an operator may copy."""
        tell(line=text)

    def problem(self, text: str) -> None:
        """Show what went wrong, and what to do."""
        tell(problem=text)

    def ask(self, question: str, others: Sequence[str] = ()) -> str:
        """Which of the ``others`` the operator takes, "" for Enter."""
        return self._choice(question, ("", *others))

    def ask_text(self, question: str) -> str:
        """The words that the operator answers, "" for Enter alone."""
        tell(ask=question, choices=[])
        return self._answer()

    def agrees(self, question: str, *, default: bool = True) -> bool:
        """Whether the operator says yes."""
        yes, no = YES[-1], NO[-1]
        return self._choice(question, (yes, no) if default else (no, yes)) == yes

    def choose(self, question: str, choices: Sequence[str]) -> str:
        """Which of the ``choices`` the operator takes."""
        return self._choice(question, choices)

    def reach(self, attempt: Callable[[], T]) -> T:
        """What the first look at an arm gives; an operator is there to plug it in."""
        return self.persist(attempt)

    def prompt(self, text: str) -> None:
        """Ask for what is to be done, and for a press of Enter."""
        tell(ask=text, choices=[""])

    def _choice(self, question: str, choices: Sequence[str]) -> str:
        tell(ask=question, choices=[*choices])
        while (answer := self._answer()) not in choices:
            tell(ask=question, choices=[*choices])
        return answer

    @contextmanager
    def _shown(self) -> Iterator[Callable[[RenderableType], None]]:
        try:
            yield lambda image: tell(look=content_of(image))
        finally:
            tell(look=None)
