"""``hil-app bench twin``: how fast the simulated arm runs, by its task and its cameras."""

from __future__ import annotations

import json

import pytest

from configs.load import ConfigError
from hil_app.__main__ import main
from hil_app.bench.commands import twin as command
from hil_app.bench.twin import Cameras, configured


def test_cameras_look_from_both_places_in_turn() -> None:
    robot = configured("push", Cameras(3, 48, 64)).robot.twin
    assert robot is not None
    assert robot.task.type == "push"
    views = [(one.view, one.height, one.width) for one in robot.cameras.values()]
    assert views == [("front", 48, 64), ("wrist", 48, 64), ("front", 48, 64)]


def test_the_command_prints_each_task_with_each_cameras(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["push", "reach", "--cameras", "none", "2x16x32", "--seconds", ".01"]
    assert main(["bench", "twin", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["twin"]
    assert [(one["task"], one["cameras"]) for one in found] == [
        (task, cameras) for task in ("push", "reach") for cameras in ("none", "2x16x32")
    ]
    assert all(one["ticks_per_s"] > 0 and one["robot_ms"] > 0 for one in found)
    assert main(["bench", "twin", *options]) == 0
    printed = capsys.readouterr().out.split()
    assert {"twin", "[ticks/s]", "push", "reach", "none", "2x16x32"} <= set(printed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cameras", "2x64"], "--cameras: must be none or NxHxW, as in 2x64x64, got 2x64"),
        (["--cameras", "0x64x64"], "--cameras: must be at least 1, got 0"),
        (["rach"], "no task rach with an operator; known: pick_lift"),
        (["--cameras", "none", "1x4x64"], "camera0.height: input should be greater than or equal"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hil_app.bench.twin.measured", lambda *_: pytest.fail("measured"))
    with pytest.raises(ConfigError, match=said):
        command.run(options)
