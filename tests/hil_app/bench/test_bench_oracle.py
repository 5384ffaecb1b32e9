"""``hil-app bench oracle``: how surely operators of each skill do a task, alone and taking over."""

from __future__ import annotations

import json

import pytest

from hil_app.__main__ import main
from hil_app.bench.oracle import demonstrated, rescued


def test_a_poor_operator_takes_longer_and_has_the_stick_for_a_part_of_the_time() -> None:
    expert, poor = (
        rescued(demonstrated("pick_lift", "so101_sim", 10.0, 0.02, 8, skill))
        for skill in ("expert", "poor")
    )
    assert (expert.successes, expert.rescues) == (8, 8)
    assert expert.ticks is not None
    assert expert.share is not None
    assert poor.ticks is None or expert.ticks < poor.ticks
    assert poor.rescues is not None
    assert poor.successes + poor.rescues <= 16
    assert 0.0 < expert.share < 0.6


def test_the_command_prints_both(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("reach", "--robots", "so101_sim", "--episodes", "2", "--skill", "poor")
    assert main(["bench", "oracle", *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["oracles"]
    assert [(one["task"], one["skill"], one["fps"]) for one in found] == [
        ("reach", "poor", 10.0),
        ("reach", "poor", 30.0),
    ]
    assert all(0 <= one["rescues"] <= 2 and 0 <= one["share"] <= 1 for one in found)
