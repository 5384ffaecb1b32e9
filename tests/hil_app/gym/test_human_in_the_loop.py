"""Whoever steps an environment is taken over from, and told what was executed instead."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import cv2
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers import RescaleAction
from sample_ticks import f32

from configs.base import ConfigError
from configs.task import TASKS
from configs.teleop import InterventionConfig, ScriptedTeleopConfig
from hil_app.gym import ArmEnv, HumanInTheLoop, id_of
from robots.base import RenderError
from teleop.base import CLOSE, NO_INPUT, OPEN, TeleopError, TeleopSample
from teleop.scripted import ScriptedTeleop
from teleop.virtual.remote import Remote

REACH = "HilApp/Reach-v0"
STILL = f32(0, 0, 0, 0)
HANDS_OFF = NO_INPUT


class Planned:
    """An operator of whom every poll is known beforehand."""

    def __init__(self, *samples: TeleopSample) -> None:
        self.samples = [*samples]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def read(self) -> TeleopSample:
        return self.samples.pop(0) if self.samples else HANDS_OFF

    def idle(self) -> TeleopSample:
        return HANDS_OFF


def pushes(x: float, grip: int = OPEN) -> TeleopSample:
    return TeleopSample(f32(x, 0, 0, grip), intervening=True)


def planned(*samples: TeleopSample) -> HumanInTheLoop:
    """A wrapped environment in which an episode has begun."""
    env = HumanInTheLoop(gymnasium.make(REACH), Planned(*samples))
    env.reset(seed=0)
    return env


def test_the_flag_is_set_in_exactly_the_steps_in_which_the_operator_acts() -> None:
    acts = [False, False, True, True, False, True, False]
    env = planned(*[pushes(0.5) if acting else HANDS_OFF for acting in acts])
    infos = [env.step(f32(-0.5, 0, 0, 0))[4] for _ in acts]
    assert [info["is_intervention"] for info in infos] == acts
    assert ["intervene_action" in info for info in infos] == acts
    env.close()


def test_what_the_operator_does_is_executed_and_told_in_the_environments_own_actions() -> None:
    env, alone = planned(pushes(0.5), pushes(-1.0, CLOSE)), gymnasium.make(REACH)
    alone.reset(seed=0)
    for told in ([0.5, 0, 0, 1], [-1.0, 0, 0, -1]):
        observation, _, _, _, info = env.step(f32(-1, -1, -1, 0))
        assert info["intervene_action"].tolist() == told
        assert info["intervene_action"] in env.action_space
        expected, *_ = alone.step(info["intervene_action"])
        assert np.array_equal(observation, expected)
    env.close()
    alone.close()


def test_without_an_operators_act_the_caller_acts() -> None:
    env, alone = planned(), gymnasium.make(REACH)
    alone.reset(seed=0)
    for _ in range(3):
        action = f32(1, -1, 0.5, -1)
        assert np.array_equal(env.step(action)[0], alone.step(action)[0])
    env.close()
    alone.close()


def test_the_operators_verdicts_end_the_episode() -> None:
    hands_off = [replace(HANDS_OFF, **{name: True}) for name in ("success", "failure", "rerecord")]
    env = planned(*hands_off)
    ends = []
    for _ in hands_off:
        _, reward, terminated, truncated, info = env.step(STILL)
        said = (info["is_success"], info["rerecord_episode"])
        ends.append((reward, terminated, truncated, *said))
        env.reset(seed=0)
    assert ends == [
        (1.0, True, False, True, False),
        (0.0, True, False, False, False),
        (0.0, False, True, False, True),
    ]
    env.close()


def test_a_stop_ends_the_loop_around_it_at_the_next_reset() -> None:
    env = planned(replace(HANDS_OFF, stop=True))
    assert env.step(STILL)[3]
    with pytest.raises(TeleopError, match="asked to stop"):
        env.reset()
    env.close()


@pytest.mark.parametrize("task", [entry.name for entry in TASKS][:7])
def test_the_scripted_operator_demonstrates_every_task(task: str) -> None:
    env = HumanInTheLoop(gymnasium.make(id_of(task)), "scripted", acts="always")
    ends = [demonstrated(env, seed) for seed in range(4)]
    assert sum(ends) >= 3, ends
    env.close()


def demonstrated(env: gymnasium.Env[Any, Any], seed: int) -> bool:
    """Whether the operator succeeds whatever the caller does."""
    env.reset(seed=seed)
    done = False
    while not done:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert info["is_intervention"]
        done = terminated or truncated
    assert info["is_success"] == (reward == 1.0)
    return bool(info["is_success"])


def test_the_scripted_operator_takes_over_from_who_gets_nowhere_and_lets_go() -> None:
    options = ScriptedTeleopConfig(intervention=InterventionConfig(free_s=0.5, stall_s=0.5))
    env = HumanInTheLoop(gymnasium.make("HilApp/PickLift-v0"), options)
    flags = acted(env, seed=0)
    assert flags.index(True) == 8  # after a stall of five steps, and three more to the stick
    assert sum(flags) <= 50  # half of the longest episode
    assert False in flags[8:]
    env.close()


def acted(env: gymnasium.Env[Any, Any], seed: int) -> list[bool]:
    """In which steps of an episode the operator acted beside a caller who does nothing."""
    env.reset(seed=seed)
    flags, done = [], False
    while not done:
        *_, terminated, truncated, info = env.step(STILL)
        flags.append(info["is_intervention"])
        done = terminated or truncated
    return flags


def test_a_seed_is_the_operators_too() -> None:
    env = HumanInTheLoop(gymnasium.make("HilApp/PickLift-v0"), "scripted", acts="always")
    first, other, again = (
        [env.reset(seed=seed)[0], *(env.step(STILL)[0] for _ in range(5))] for seed in (1, 2, 1)
    )
    assert data_equivalence(first, again, exact=True)
    assert not data_equivalence(first, other)
    env.close()


def test_operators_beside_each_other_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(ScriptedTeleop, "load_state", lambda _, state: begun.append(state))
    env = HumanInTheLoop(gymnasium.make(REACH), "scripted")
    for seed in (1, 2, 1, None):
        env.reset(seed=seed)
    first, other, again = begun
    assert first == again != other
    env.close()


@pytest.mark.filterwarnings("ignore:.*different from the unwrapped version")
def test_it_keeps_gymnasiums_rules() -> None:
    env = HumanInTheLoop(gymnasium.make(REACH), "scripted", acts="always")
    check_env(env, skip_render_check=True)
    env.close()


def test_many_at_once_have_an_operator_each() -> None:
    wrapped = [partial(HumanInTheLoop, gymnasium.make(REACH), acts=acts) for acts in MODES]
    many = SyncVectorEnv(wrapped)
    many.reset(seed=0)
    *_, infos = many.step(np.zeros((2, 4), np.float32))
    assert infos["is_intervention"].tolist() == [True, False]
    assert infos["_intervene_action"].tolist() == [True, False]
    many.close()


MODES = ("always", "never")


def test_what_does_not_fit_is_refused() -> None:
    arm = gymnasium.make(REACH)
    with pytest.raises(ConfigError, match="no teleoperator is called 'scriptd'"):
        HumanInTheLoop(arm, "scriptd")
    with pytest.raises(ConfigError, match="put that around this one"):
        HumanInTheLoop(RescaleAction(arm, np.float32(0), np.float32(1)))
    with pytest.raises(ConfigError, match="CartPole"):
        HumanInTheLoop(gymnasium.make("CartPole-v1"))
    arm.close()


def test_a_pad_takes_over_in_real_time(tmp_path: Path) -> None:
    """The virtual pad's stick is pushed, and the button to take over held."""
    socket = tmp_path / "pad"
    env = HumanInTheLoop(fast(), {"type": "gamepad", "virtual": str(socket)})
    assert inner(env).parts.config.env.paced
    env.reset(seed=0)
    assert not env.step(STILL)[4]["is_intervention"]
    with by_hand(socket, {"axis": "lefty", "value": -1.0}, HOLDS_THE_BUTTON):
        assert intervened(env).tolist() == pytest.approx([1, 0, 0, 0])
    env.close()


def test_the_keyboards_window_shows_the_scene_and_ends_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    socket, image = tmp_path / "keys", tmp_path / "window.png"
    env = HumanInTheLoop(fast(), {"type": "keyboard", "virtual": str(socket)})
    try:
        env.reset(seed=0)
        env.step(STILL)
    except RenderError as error:
        pytest.skip(str(error))
    with by_hand(socket, {"key": "leftshift", "down": True}, {"key": "up", "down": True}):
        assert intervened(env).tolist() == [1, 0, 0, 0]
    with by_hand(socket, {"save": str(image)}, {"close": True}):
        while not env.step(STILL)[3]:
            pass
    shown = cv2.imread(str(image))
    assert shown is not None
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 50  # the arm on its table
    with pytest.raises(TeleopError, match="asked to stop"):
        env.reset()
    env.close()


HOLDS_THE_BUTTON = {"button": "rightshoulder", "down": True}


def fast() -> gymnasium.Env[Any, Any]:
    """At 30 Hz, and for as long as the operator likes."""
    return gymnasium.make(REACH, config={"env": {"fps": 30}}, max_episode_steps=-1)


def inner(env: gymnasium.Env[Any, Any]) -> ArmEnv:
    assert isinstance(env.unwrapped, ArmEnv)
    return env.unwrapped


def intervened(env: gymnasium.Env[Any, Any]) -> Any:
    """What is executed once the operator acts, pushes and all."""
    while True:
        info = env.step(STILL)[4]
        if info["is_intervention"] and info["intervene_action"].any():
            return info["intervene_action"]


@contextmanager
def by_hand(socket: Path, *told: Mapping[str, Any]) -> Iterator[None]:
    """An operator who does this meanwhile, at a device that is not there."""

    def operate() -> None:
        with Remote(socket) as device:
            for message in told:
                device.tell(**message)

    operator = threading.Thread(target=operate)
    operator.start()
    yield
    operator.join()
