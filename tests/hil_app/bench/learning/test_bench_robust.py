"""``hil-app bench robust``: what each condition changes, and what a policy comes to under it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_runs import tiny

from configs.errors import ConfigError
from configs.load import validate
from configs.robot import SimCameraConfig, SO101SimConfig
from hil_app.__main__ import main
from hil_app.bench.learning.robust import CONDITIONS, ChangedRobot, Condition, outcomes
from hil_app.learning.checkpoint import load_policy
from hil_app.runs.folder import find_checkpoint
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.base import Reading, RenderError
from robots.twin.robot import SimRobot

CAMERAS = {view: SimCameraConfig(view=view, width=32, height=32) for view in ("front", "wrist")}
UNSEEN = [name for name, condition in CONDITIONS.items() if condition.change is None]


def robot(condition: Condition, **fields: Any) -> ChangedRobot:
    return ChangedRobot(SO101SimConfig(**fields), 10.0, condition)


def after(robot: SimRobot, targets: list[Any], seed: int = 3) -> Reading:
    with robot:
        robot.reset(seed)
        for target in targets:
            robot.command(np.array(target, np.float32))
        return robot.read()


@pytest.fixture(scope="module")
def usual() -> Reading:
    try:
        return after(robot(CONDITIONS["usual"], cameras=CAMERAS), [])
    except RenderError as error:
        pytest.skip(str(error))


def test_the_usual_is_the_robot_as_it_is(usual: Reading) -> None:
    plain = after(SimRobot(SO101SimConfig(cameras=CAMERAS), 10.0), [])
    np.testing.assert_array_equal(usual.joints, plain.joints)
    np.testing.assert_array_equal(usual.environment_state, plain.environment_state)
    np.testing.assert_array_equal(usual.images["front"], plain.images["front"])


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name not in UNSEEN])
def test_what_cameras_see_is_changed_and_nothing_else(name: str, usual: Reading) -> None:
    found = after(robot(CONDITIONS[name], cameras=CAMERAS), [])
    assert np.abs(found.images["front"].astype(int) - usual.images["front"]).mean() > 0.05
    np.testing.assert_array_equal(found.joints, usual.joints)
    np.testing.assert_array_equal(found.environment_state, usual.environment_state)


def test_light_is_as_strong_as_the_name_says(usual: Reading) -> None:
    for share in (0.6, 0.8, 1.2):
        found = after(robot(CONDITIONS[f"light_{share:g}"], cameras=CAMERAS), [])
        dim = usual.images["front"] < 200  # the rest may be as bright as can be
        ratio = found.images["front"][dim].mean() / usual.images["front"][dim].mean()
        assert ratio == pytest.approx(share, abs=0.05)


def test_a_change_lasts_for_all_episodes(usual: Reading) -> None:
    with robot(CONDITIONS["brown_table"], cameras=CAMERAS) as changed:
        shown = []
        for seed in (3, 4, 3):
            changed.reset(seed)
            shown.append(changed.read().images["front"])
    np.testing.assert_array_equal(shown[0], shown[2])
    assert not np.array_equal(shown[0], usual.images["front"])


def test_a_command_moves_the_arm_a_tick_later() -> None:
    start = list(SO101SimConfig().reset_pose)
    there = [start[0] + 10.0, *start[1:]]
    still = after(robot(CONDITIONS["usual"]), [start])
    late = after(robot(CONDITIONS["delay"]), [there])
    np.testing.assert_allclose(late.joints, still.joints, atol=1e-4)
    at_once = after(robot(CONDITIONS["usual"]), [there])
    later = after(robot(CONDITIONS["delay"]), [there, start])
    assert at_once.joints[0] > start[0] + 5
    assert later.joints[0] == pytest.approx(at_once.joints[0], abs=0.5)


def test_noise_is_of_the_size_that_it_says_and_of_the_seed() -> None:
    for name, place, most in (("joint_noise", "joints", 12), ("object_noise", "places", 0.0101)):
        with robot(CONDITIONS[name]) as noisy, SimRobot(SO101SimConfig(), 10.0) as plain:
            for each in (noisy, plain):
                each.reset(5)
            true = plain.read()
            readings = [noisy.read() for _ in range(300)]
            joints = np.stack([one.joints for one in readings]) - true.joints
            places = np.stack([one.environment_state for one in readings if
                               one.environment_state is not None])  # fmt: skip
            places = places - true.environment_state
            off = {"joints": joints, "places": places}
            assert 0 < np.abs(off.pop(place)).max() <= most
            assert not np.any(next(iter(off.values())))
            if place == "joints":
                assert joints.std() == pytest.approx(3.0, abs=0.2)
            noisy.reset(5)
            np.testing.assert_array_equal(noisy.read().joints, readings[0].joints)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run from state."""
    folder = tmp_path_factory.mktemp("robust") / "run"
    with Session(tiny(folder), "train") as session:
        Training(session).run()
    return folder


def test_the_command_tries_what_reaches_the_policy(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "robust", str(trained), "--episodes", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["checkpoint"].startswith(str(trained))
    assert [one["condition"] for one in found["outcomes"]] == UNSEEN
    for one in found["outcomes"]:
        assert 0 <= one["successes"] <= one["episodes"] == 2
        assert (one["ticks"] is None) == (one["successes"] == 0)


def test_the_table_has_a_row_a_condition(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = ("--conditions", "delay", "usual")
    assert main(["bench", "robust", str(trained), "--episodes", "1", *some]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(":")[0].strip() for row in rows if " of 1" in row] == ["delay", "usual"]


def test_what_is_no_condition_or_no_run_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "robust", str(trained), "--conditions", "fog"]) != 0
    assert "no condition fog; known: usual, light_0.6" in capsys.readouterr().err
    assert main(["bench", "robust", str(tmp_path / "nothing")]) != 0
    assert str(tmp_path / "nothing") in capsys.readouterr().err


def test_a_real_arm_s_run_is_refused(trained: Path) -> None:
    config = validate(
        {"robot": {"type": "so101", "port": "/dev/none"}, "learner": {"mode": "background"}}
    )
    policy = load_policy(find_checkpoint(trained), seed=0)
    with pytest.raises(
        ConfigError, match=r"so101 cannot be changed: name a run of a simulated arm"
    ):
        next(outcomes(config, policy, 1, ["usual"]))
