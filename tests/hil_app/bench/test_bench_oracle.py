"""``hil-app bench oracle``: how surely operators of each skill do a task, alone and taking over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from configs.teleop import ScriptedTeleopConfig
from hil_app.__main__ import main
from hil_app.bench.oracle import demonstrated, operator, rescued


@pytest.mark.parametrize("skill", ["expert", "ordinary", "poor"])
def test_at_its_usual_rate_an_operator_is_as_the_config_has_it(skill: Any) -> None:
    assert operator(skill, 10.0) == ScriptedTeleopConfig(skill=skill)


def test_at_another_rate_it_takes_as_long_for_anything() -> None:
    usual, fast = operator("poor", 10.0), operator("poor", 30.0)
    assert fast.mistake_ticks == 3 * usual.mistake_ticks
    for name in ("free_ticks", "stall_ticks", "reaction_ticks", "max_ticks"):
        assert getattr(fast.intervention, name) == 3 * getattr(usual.intervention, name)
    assert fast.intervention.lets_go_early == usual.intervention.lets_go_early
    assert (fast.noise, fast.bias, fast.mistakes) == (usual.noise, usual.bias, usual.mistakes)


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
