"""stable-baselines3 trains on our environments, as the handbook has it."""

from __future__ import annotations

import re
import runpy
import sys

import gymnasium
import pytest
from handbook import ROOT

import hil_app.gym as ours
from robots.base import RenderError

sb3 = pytest.importorskip("stable_baselines3", exc_type=ImportError)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # stable-baselines3's own, of what it is built on
]


def test_the_example_runs_and_keeps_what_the_operator_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sb3.py", "400"])
    left = runpy.run_path(str(ROOT / "docs/examples/sb3.py"))
    assert re.search(r"\d+ of 20 episodes succeed", capsys.readouterr().out)
    kept = left["model"].replay_buffer
    assert kept.pos == 400
    assert abs(kept.actions[:400, 0]).max() <= 1
    assert set(kept.actions[:400, 0, 3].tolist()) & {-1.0, 0.0, 1.0}  # the operator's gripper


@pytest.mark.parametrize("task", ["pick_lift", "drawer"])
def test_sac_takes_the_state(task: str) -> None:
    env = gymnasium.make(ours.id_of(task))
    model = sb3.SAC("MlpPolicy", env, learning_starts=20, batch_size=16, buffer_size=100)
    model.learn(60)
    assert model.num_timesteps == 60
    env.close()


def test_sac_takes_pixels() -> None:
    env = gymnasium.make("HilApp/PickLift-v0", obs="pixels")
    try:
        env.reset(seed=0)
    except RenderError as error:
        pytest.skip(str(error))
    model = sb3.SAC("MultiInputPolicy", env, learning_starts=20, batch_size=8, buffer_size=100)
    model.learn(30)
    assert model.num_timesteps == 30
    env.close()


def test_its_own_check_has_nothing_to_say() -> None:
    from stable_baselines3.common.env_checker import check_env

    env = gymnasium.make("HilApp/PickLift-v0")
    check_env(env.unwrapped, warn=True, skip_render_check=True)
    env.close()
