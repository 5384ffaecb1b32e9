"""A success classifier in a run: where it stands, what it may look at, who judges an evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sample_runs import tiny

from configs.learning.policy import FeatureType, PolicyFeature
from configs.load import ConfigError
from configs.names import OBS_ENV_STATE, OBS_IMAGES, OBS_STATE
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import LearnedPolicy, NoPolicy
from hil_app.recording.frames import Frame
from hil_app.rewards.classifier import (
    ClassifierConfig,
    ClassifierError,
    SuccessClassifier,
    save_classifier,
)
from hil_app.runs.evaluation import Evaluator, evaluate
from hil_app.runs.session import Session
from hil_app.runs.training import Training
from robots.base import Reading
from robots.twin.robot import SimRobot
from teleop.base import TeleopSample
from teleop.no_teleop import NoTeleop

FRONT = f"{OBS_IMAGES}.front"
CAMERA = {"front": {"view": "front", "width": 16, "height": 16}}
NUMBERS = {OBS_STATE: PolicyFeature(FeatureType.STATE, (8,))}
IMAGES = {FRONT: PolicyFeature(FeatureType.VISUAL, (3, 16, 16))}


def constant(folder: Path, probability: float, observation: Any = None, **changes: Any) -> Path:
    """A checkpoint of a classifier that says the same of everything."""
    content = {"latent_dim": 4, "image_encoder_hidden_dim": 2, **changes}
    made = SuccessClassifier(ClassifierConfig(input_features=observation or NUMBERS, **content))
    with torch.no_grad():
        made.head[1].weight.zero_()
        made.head[1].bias.fill_(float(np.log(probability / (1 - probability))))
    folder.mkdir(parents=True, exist_ok=True)
    save_classifier(made, folder)
    return folder


def config(tmp_path: Path, checkpoint: Path, **content: Any) -> RunConfig:
    wanted = {"checkpoint": str(checkpoint), **content}
    return tiny(tmp_path / "run", processor={"success_classifier": wanted})


def frames_of(config: RunConfig, *, evaluating: bool = False) -> list[Frame]:
    """The frames of one episode in which nobody acts, so that the cube stays where it is."""
    frames: list[Frame] = []
    with SimRobot(config.robot, config.env.fps) as robot:
        loop = Assembly(config, robot=robot).loop(
            NoTeleop(), NoPolicy(), lambda: False, evaluating=evaluating
        )
        loop.episode(0, [frames.append])
    return frames


def test_it_stands_behind_the_images_and_before_the_operator(tmp_path: Path) -> None:
    made = config(tmp_path, constant(tmp_path / "says", 0.9))
    robot = SimRobot(made.robot, made.env.fps)
    names = list(Assembly(made, robot=robot).env_steps())
    assert "simulated success" not in names
    place = names.index("success classifier")
    assert names[place + 1 : place + 3] == ["operator events", "reward"]
    assert all(names.index(part) < place for part in ("joints", "object"))


def test_without_one_the_simulated_world_judges(tmp_path: Path) -> None:
    robot = SimRobot(tiny(tmp_path).robot, 10)
    names = list(Assembly(tiny(tmp_path), robot=robot).env_steps())
    assert "simulated success" in names
    assert "success classifier" not in names


@pytest.mark.parametrize(
    ("content", "ticks"),  # of the episode; 30 is its time limit
    [
        ({}, 2),
        ({"ticks": 1}, 1),
        ({"ticks": 5}, 5),
        ({"threshold": 0.79}, 2),
        ({"threshold": 0.81}, 30),
    ],
)
def test_its_options_do_what_they_say(tmp_path: Path, content: dict[str, Any], ticks: int) -> None:
    """It says 0.8 of everything, and its own threshold is 0.7."""
    made = config(tmp_path, constant(tmp_path / "says", 0.8, threshold=0.7), **content)
    frames = frames_of(made)
    assert len(frames) == ticks
    ends = ticks < 30
    assert (frames[-1].success, frames[-1].reward, frames[-1].terminated) == (ends, ends, ends)
    assert not any(frame.success for frame in frames[:-1])


def test_its_own_threshold_is_what_counts_unless_another_is_given(tmp_path: Path) -> None:
    made = config(tmp_path, constant(tmp_path / "says", 0.8, threshold=0.85))
    assert len(frames_of(made)) == 30


def test_the_world_judges_an_evaluation(tmp_path: Path) -> None:
    """A policy that only fools the classifier must not look like one that does the task."""
    made = config(tmp_path, constant(tmp_path / "says", 0.99))
    assert len(frames_of(made)) == 2
    untouched = frames_of(made, evaluating=True)
    assert (len(untouched), any(frame.success for frame in untouched)) == (30, False)


def test_every_evaluation_is_judged_by_the_world(tmp_path: Path) -> None:
    """In the middle of a training, at its end and in the film; what is learned from is not."""
    made = config(tmp_path, constant(tmp_path / "says", 0.99))
    with Session(made, "train") as session:
        training = Training(session)
        training.run()
        evaluate(session, training.policy)
        stages = {stage.name: stage for stage in session.monitor.stages}
        policy = LearnedPolicy(training.policy, deterministic=True)
        amid = Evaluator(session, policy, lambda: False)
        names = [name for name, _ in amid._loop.env_pipeline.steps]
    assert "simulated success" in names
    assert all(episode.success and episode.ticks == 2 for episode in stages["train"].episodes)
    assert all(episode.ticks == 30 for episode in stages["evaluate"].episodes)
    assert not any(episode.success for episode in stages["evaluate"].episodes)


class Operator(NoTeleop):
    """Says one thing at one tick."""

    def __init__(self, tick: int, **verdict: bool) -> None:
        super().__init__()
        self.tick, self.verdict, self.reads = tick, verdict, 0

    def read(self) -> TeleopSample:
        self.reads += 1
        said = self.verdict if self.reads == self.tick else {}
        return replace(super().read(), **said)


@pytest.mark.parametrize(
    ("probability", "verdict", "outcome"),  # ticks, reward, success
    [
        (0.9, {"failure": True}, (3, 0, False)),
        (0.1, {"failure": True}, (3, 0, False)),
        (0.1, {"success": True}, (3, 1, True)),
        (0.9, {"success": True}, (3, 1, True)),
        (0.9, {}, (3, 1, True)),
    ],
)
def test_the_operator_has_the_last_word(
    tmp_path: Path, probability: float, verdict: dict[str, bool], outcome: tuple[Any, ...]
) -> None:
    made = config(tmp_path, constant(tmp_path / "says", probability), ticks=3)
    with SimRobot(made.robot, made.env.fps) as robot:
        loop = Assembly(made, robot=robot).loop(Operator(3, **verdict), NoPolicy(), lambda: False)
        episode = loop.episode(0)
    assert (episode.ticks, episode.reward, episode.success) == outcome


def test_it_sees_images_that_the_policy_does_not(tmp_path: Path) -> None:
    """They are what the training saw: cropped, then resized."""
    wanted = {"checkpoint": str(constant(tmp_path / "says", 0.9, IMAGES))}
    made = tiny(
        tmp_path / "run",
        robot={"cameras": {"front": {"view": "front", "width": 64, "height": 48}}},
        processor={
            "observation": {"images": False},
            "images": {"crop": {"front": [8, 8, 32, 32]}, "resize": [16, 16]},
            "success_classifier": wanted,
        },
    )
    robot = SimRobot(made.robot, made.env.fps)
    asked: list[Any] = []
    parts = Assembly(made, robot=robot)
    steps = parts.env_steps()
    step = steps["success classifier"]
    step._probability = lambda observation: asked.append(observation) or 0.0  # type: ignore[func-returns-value]
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    seen = steps["images"](a_tick(Reading(np.zeros(6, np.float32), 0.0, images={"front": image})))
    step(seen)
    assert asked[0][FRONT].shape == (16, 16, 3)
    assert FRONT not in parts.policy_config.input_features


def a_tick(reading: Reading) -> Any:
    from processors.base import Command, Transition

    command = replace(Command.at_reset(reading, np.zeros(3, np.float32)), tick=1)
    return Transition(command, reading.joints, reading)


@pytest.mark.parametrize(
    ("observation", "changes", "said"),
    [
        (IMAGES, {}, "gives it observation.environment_state (3,), observation.state (8,)"),
        (IMAGES, {"robot": {"cameras": {"front": {"view": "front", "width": 32, "height": 16}}}},
         "front (3, 16, 16); this config gives it"),
        ({OBS_STATE: PolicyFeature(FeatureType.STATE, (9,))}, {}, "observation.state (9,)"),
        (
            {OBS_ENV_STATE: PolicyFeature(FeatureType.STATE, (3,))},
            {"processor": {"observation": {"object": None}}},
            "observation.environment_state (3,)",
        ),
    ],
)  # fmt: skip
def test_one_that_was_trained_on_something_else_is_refused(
    tmp_path: Path, observation: Any, changes: dict[str, Any], said: str
) -> None:
    checkpoint = constant(tmp_path / "says", 0.9, observation)
    classifier = {"success_classifier": {"checkpoint": str(checkpoint)}}
    processor = {**changes.get("processor", {}), **classifier}
    made = tiny(tmp_path / "run", **{**changes, "processor": processor})
    with pytest.raises(ConfigError) as error:
        frames_of(made)
    assert said in str(error.value)
    assert str(error.value).startswith("processor.success_classifier: ")


def test_one_that_is_not_there_is_said_before_anything_is_written(tmp_path: Path) -> None:
    made = config(tmp_path, tmp_path / "nowhere")
    with pytest.raises(ClassifierError, match="no success classifier at"):
        Training(Session(made, "train"))
    assert not (tmp_path / "run").exists()
