"""A gymnasium environment in a run: its actions, what is observed, its rewards and its ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_gym import ID

from configs.base import ConfigError
from configs.load import validate
from configs.names import ACTION, OBS_ENV_STATE
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy
from hil_app.recording.frames import Frame
from teleop.base import CLOSE, OPEN, STAY, TeleopSample
from teleop.no_teleop import NoTeleop

TABLE = {"type": "gymnasium", "env_id": ID, "gripper": 2, "operator": "sample_gym:Towards"}


def run(robot: dict[str, Any] | None = None, **blocks: Any) -> RunConfig:
    env = {"paced": False, "control_time_s": 3.0}
    return validate({"robot": {**TABLE, **(robot or {})}, "env": env, **blocks})


def steps_of(config: RunConfig) -> list[str]:
    parts = Assembly(config)
    return [*parts.action_steps(), *parts.env_steps()]


class Actor(NoTeleop):
    """An operator who always does the same."""

    def __init__(self, *action: float, paused: int = 0) -> None:
        super().__init__(lambda: None)
        self._action, self._paused = np.array(action, np.float32), paused

    def read(self) -> TeleopSample:
        self._paused -= 1
        return TeleopSample(self._action, intervening=True, paused=self._paused >= 0)


def acted(config: RunConfig, actor: Actor) -> list[Frame]:
    parts = Assembly(config)
    frames: list[Frame] = []
    loop = parts.loop(actor, NoPolicy(), lambda: False)
    with parts.robot:
        loop.episode(0, [frames.append])
    return frames


def test_its_steps_are_those_of_a_robot_without_an_arm_model() -> None:
    assert steps_of(run()) == [
        *("intervention", "bounds", "gripper"),
        *("environment", "simulated success", "end of the world's episode", "operator events"),
        *("reward", "gripper penalty", "time limit"),
    ]


def test_the_policy_sees_its_numbers_and_has_three_choices_for_its_gripper() -> None:
    made = Assembly(run()).policy_config
    assert {key: feature.shape for key, feature in made.input_features.items()} == {
        OBS_ENV_STATE: (7,)
    }
    assert made.output_features[ACTION].shape == (2,)
    assert made.num_discrete_actions == 3
    assert made.dataset_stats is not None
    assert made.dataset_stats[ACTION] == {"min": [-1, -1], "max": [1, 1]}


def test_without_a_gripper_all_numbers_are_the_policys() -> None:
    parts = Assembly(run({"gripper": None, "kwargs": {"images": True}}))
    assert parts.actions.names == ("action.0.pos", "action.1.pos", "action.2.pos")
    assert parts.policy_config.num_discrete_actions is None
    assert "observation.images.top" in parts.policy_config.input_features


@pytest.mark.parametrize("opens", ["up", "down"])
def test_the_grippers_commands_are_the_ends_and_the_middle_of_its_span(opens: str) -> None:
    ends = {CLOSE: 0.0, STAY: 1.0, OPEN: 2.0}
    for asked, number in ends.items():
        (frame, *_) = acted(run({"gripper_opens": opens}), Actor(0.25, -9, asked))
        wanted = number if opens == "up" else 2.0 - number
        assert frame.sent.tolist() == [0.25, -1, wanted]
        assert frame.action.tolist() == [0.25, -1, asked]


def test_a_flip_of_the_gripper_costs_its_critic_something() -> None:
    class Flipping(Actor):
        def read(self) -> TeleopSample:
            self._action[2] = OPEN if self._action[2] == CLOSE else CLOSE
            return super().read()

    config = run(processor={"gripper": {"penalty": -0.3}})
    first, *rest = acted(config, Flipping(0, 0, STAY))
    assert first.discrete_penalty == 0
    assert all(frame.discrete_penalty == -0.3 for frame in rest)
    assert not any(frame.discrete_penalty for frame in acted(config, Actor(0, 0, CLOSE)))


def test_a_pause_changes_nothing_but_holds_what_is_held() -> None:
    parts = Assembly(run())
    goal = parts.actions.goal(np.array([0.5, 0.5, 0], np.float32))
    assert parts.actions.held(goal).tolist() == [0, 0, 0]
    assert parts.actions.still(goal).tolist() == [0, 0, STAY]


def test_its_reward_and_its_end_are_its_own() -> None:
    frames = acted(run(processor={"reward": {"type": "environment"}}), Actor(1, 0, STAY))
    assert len(frames) == 10  # off the edge
    assert (frames[-1].terminated, frames[-1].truncated, frames[-1].success) == (True, False, False)
    assert all(frame.reward < 0 for frame in frames)
    sparse = acted(run(), Actor(1, 0, STAY))
    assert [frame.reward for frame in sparse] == [0.0] * 10
    assert sparse[-1].terminated


def test_its_operator_does_its_task() -> None:
    parts = Assembly(run())
    operator = parts.teleop("always")
    loop = parts.loop(operator, NoPolicy(), lambda: False)
    with parts.robot, operator:
        done = [loop.episode(seed) for seed in range(20)]
    assert sum(one.success for one in done) >= 19
    assert all(one.terminated for one in done if one.success)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ({"step_size": [0.01, 0.01, 0.01]}, "leave out processor.step_size"),
        ({"gripper": {"open": 60}}, "leave out processor.gripper"),
        ({"observation": {"object": "relative"}}, "set object: absolute"),
        ({"observation": {"end_effector": "absolute"}}, "set end_effector: null"),
        ({"images": {"crop": {"top": [0, 0, 4, 4]}}}, "crop.top: no such camera; cameras: none"),
        ({"observation": {"object": None}}, "the policy would see nothing"),
    ],
)
def test_what_it_has_no_use_for_is_refused(blocks: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        features(blocks)


def features(processor: dict[str, Any]) -> object:
    return Assembly(run(processor=processor)).policy_config


def test_an_environments_reward_is_no_arms() -> None:
    config = validate({"processor": {"reward": {"type": "environment"}}})
    with pytest.raises(ConfigError, match="is the reward of a gymnasium environment"):
        Assembly(config).env_steps()


def test_an_operator_has_to_be_known() -> None:
    with pytest.raises(ConfigError, match=r"name what does in robot.operator, or choose another"):
        Assembly(run({"operator": None})).teleop("always")
