"""Nothing begins on a real arm before the operator is ready."""

from __future__ import annotations

from configs.events import Event
from hil_app.control.gate import Gate, When


def waits(when: When, press: str = "Enter", episodes: int = 3) -> tuple[list[bool], list[str]]:
    told: list[Event] = []
    gate = Gate(when, press, told.append)
    asks = [gate() for _ in range(episodes)]
    for ask in filter(None, asks):
        ask()
    return [ask is not None for ask in asks], [event.message for event in told]


def test_it_waits_before_the_first_episode_of_a_stage_before_all_or_before_none() -> None:
    said = "press Enter when the scene is set"
    assert waits("first") == ([True, False, False], [said])
    assert waits("always") == ([True, True, True], [said] * 3)
    assert waits("never") == ([False, False, False], [])


def test_it_waits_for_nobody_where_nobody_can_answer() -> None:
    assert waits("always", press="") == ([False] * 3, [])


def test_closed_it_waits_once_more() -> None:
    gate = Gate("never", "Enter", lambda _: None)
    gate.close()
    assert [gate() is not None, gate() is not None] == [True, False]
