"""What a guided command tells the page that has started it, and hears from there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from select import select
from typing import Any

import pytest
from rich.table import Table
from rich.text import Text

from hil_app.cli.arm import guide
from hil_app.cli.arm.guide import Guide, InputEnded
from hil_app.cli.arm.page_guide import PageGuide, new_guide
from hil_app.setup.told import BY_PAGE, content_of, heard


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where answers go in."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writes
        os.close(writes)


def told(capsys: pytest.CaptureFixture[str]) -> list[object]:
    return [heard(line) for line in capsys.readouterr().out.rstrip().split("\n")]


def test_a_guide_is_the_page_s_where_a_page_has_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BY_PAGE, raising=False)
    assert type(new_guide()) is Guide
    monkeypatch.setenv(BY_PAGE, "1")
    assert type(new_guide()) is PageGuide


def test_a_choice_is_asked_for_until_it_is_one(
    keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keys, b"maybe\nno\n")
    assert not PageGuide().agrees("Write this?")
    assert told(capsys) == [{"ask": "Write this?", "choices": ["yes", "no"]}] * 2
    os.write(keys, b"no\n")
    assert not PageGuide().agrees("Sure?", default=False)
    assert told(capsys) == [{"ask": "Sure?", "choices": ["no", "yes"]}]


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("keys")
def test_a_ctrl_c_that_comes_just_before_it_waits_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python looks for signals, then waits: one that falls between the two ends no wait."""

    def not_interrupted(*given: Any) -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)
        try:
            return select(*given)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    monkeypatch.setattr(guide, "select", not_interrupted)
    with pytest.raises(KeyboardInterrupt):
        Guide().ask("Ready?")


def test_what_changes_is_shown_in_its_place_until_enter(
    keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = 0

    def look() -> str:
        nonlocal looks
        looks += 1
        if looks == 3:
            os.write(keys, b"\n")
        return f"look {looks}"

    PageGuide().watch("Move it.", look)
    first, second, *_, last = told(capsys)
    assert first == {"ask": "Move it.", "choices": [""]}
    assert second == {"look": {"say": "look 1"}}
    assert last == {"look": None}


def test_nobody_who_answers_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(InputEnded):
            PageGuide().ask("Press Enter.")


def test_a_table_is_its_texts_and_what_is_marked_in_them() -> None:
    table = Table("joint", "now", title="Degrees")
    table.columns[1].justify = "right"
    table.add_row("pan", "[green]done[/green]")
    table.add_row(Text("a [b]"), "")
    assert content_of(table) == {
        "table": {
            "title": "Degrees",
            "head": ["joint", "now"],
            "right": [False, True],
            "rows": [[("pan", ""), ("done", "green")], [("a [b]", ""), ("", "")]],
        }
    }


@pytest.mark.parametrize("line", ["a line", "", "\x1e{", "\x1e[1]", '{"say": "x"}'])
def test_what_is_only_printed_tells_nothing(line: str) -> None:
    assert heard(line) is None
