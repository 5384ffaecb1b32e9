"""Events: every one that there is is told somewhere, under the name that files have always had."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

import hil_app.events
import robots.events
import teleop.events
from configs.events import Event, Notice, Problem
from hil_app.control.outcomes import Episode, Evaluation

ROOT = Path(__file__).parents[1]
MODULES = (robots.events, teleop.events, hil_app.events)
ALL = [
    made
    for module in MODULES
    for made in vars(module).values()
    if isinstance(made, type) and made.__module__ == module.__name__
]
NAMES = """
    calibration_changed calibration_recognised calibration_restored calibrations_differ camera_back
    camera_dark camera_slow camera_stale checkpoint checkpoint_not_saved checkpoints_died compiled
    compiling dataset_goes_on dataset_repaired datasets_loaded datasets_so_far datasets_too_large
    datasets_unsaid deadman_back deadman_lost depth_left_out drive_mode_unused episode
    episode_interrupted evaluation event_log_closed film gripper_way_unknown halted handed_back
    hands_back hands_lost hands_ready help_wanted leader_back leader_lost leader_ready learner_died
    listener_failed loading_datasets metrics_closed metrics_cut_short motor_silent not_compiled
    not_switched nothing_learned other_arm page_lost page_stopped paused port_back port_gone
    recorder_behind
    recorder_caught_up recorder_died recorder_ended recorder_finishes released replayed
    rest_not_reached resumed run_ended run_resumed run_started scene screen_stopped set_aside
    taken_over torque_left_on torque_lost torque_stays_on torque_unwatched trouble unusual_motors
    update_skipped view_closed watchdog_held watchdog_let_down weights_withheld
"""  # that files of earlier runs have: new ones are added, none is changed


class Sample(Problem, name="an_old_name"):
    number: int = 3
    place: str | None


def made() -> Iterator[str]:
    """The classes that the code makes something of, by name."""
    for room in ("robots", "teleop", "processors", "hil_app"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield node.func.id


def test_every_event_is_reported_somewhere() -> None:
    assert not {event.__name__ for event in ALL} - set(made())


def test_the_names_in_files_stay_and_two_share_one_at_most() -> None:
    names = [event.known_as for event in ALL]
    assert set(NAMES.split()) <= set(names)
    twice = {name for name in names if names.count(name) > 1}
    assert twice == {"recorder_ended"}  # well, or not


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.__name__)
def test_an_event_is_described_and_whoever_reads_its_fields_finds_them(event: type[Event]) -> None:
    assert issubclass(event, Event)
    assert event.__doc__
    assert event.__doc__.endswith(".")


def test_an_event_is_written_under_its_name_without_what_is_not_given() -> None:
    event = Sample(cause="it broke", place=None)
    assert (event.name, event.facts()) == ("an_old_name", {"cause": "it broke", "place": None})
    assert event.message == "it broke"
    assert replace(event, number=4).facts()["number"] == 4
    with pytest.raises(FrozenInstanceError):
        event.number = 4  # type: ignore[misc]
    with pytest.raises(TypeError, match="place"):
        Sample(cause="it broke")  # type: ignore[call-arg]


def test_what_happens_to_the_leader_says_so() -> None:
    gone = robots.events.PortGone(cause="/dev/ttyACM1 is gone")
    leaders = replace(gone, whose="leader")
    assert (leaders.name, leaders.facts()) == ("leader_port_gone", gone.facts())


def test_people_are_shown_notices_and_problems_only() -> None:
    shown = [event for event in ALL if event.message is not Event.message]
    assert all(issubclass(event, Notice | Problem) for event in shown)


@pytest.mark.parametrize(
    ("event", "result"),
    [(hil_app.events.EpisodeEnded, Episode), (hil_app.events.Evaluated, Evaluation)],
)
def test_results_are_reported_whole(event: type, result: type) -> None:
    ours = set(event.__dataclass_fields__) - {"whose", "stage"}  # type: ignore[attr-defined]
    assert ours == set(result.__dataclass_fields__)  # type: ignore[attr-defined]
