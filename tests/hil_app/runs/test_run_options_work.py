"""Every option of learner, train, eval, teleop and robot changes what a run does."""

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from recordings import recorded
from safetensors.numpy import load_file
from sample_runs import tiny

from configs.dataset import DatasetConfig, EncodingConfig
from configs.learning.learner import LearnerConfig, OfflineDatasetConfig
from configs.learning.photometric import PhotometricConfig
from configs.load import ConfigError
from configs.manual import GamepadConfig, GamepadHIDConfig, KeyboardConfig, PadConfig
from configs.options.help import HelpConfig
from configs.run import EvalConfig, TeleoperateConfig, TrainConfig
from configs.teleop import InterventionConfig, ScriptedTeleopConfig, SO101LeaderConfig
from hil_app.learning.algorithm import TrainingStats
from hil_app.learning.health import LearnerDied
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.learning.trainer import RLTrainer
from hil_app.recording.recorder import RecorderDied
from hil_app.recording.writer import DatasetWriter
from hil_app.runs.evaluation import evaluate
from hil_app.runs.record import record
from hil_app.runs.session import Session
from hil_app.runs.training import Training

# The changed value of each field, by its dotted name.
CHANGES: dict[str, Any] = {
    "learner.train_freq": 2,
    "learner.gradient_steps": 2,
    "learner.batch_size": 8,
    "learner.online_ratio": 1.0,
    "learner.online_capacity": 30,
    "learner.offline_capacity": 10,
    "learner.learning_starts": 40,
    "learner.n_steps": 5,
    "learner.takeover_penalty": 0.25,
    "train.demonstrations": 3,
    "train.ticks": 400,
    "eval.episodes": 3,
    "eval.deterministic": False,
    "teleop.noise": 0.3,
    "teleop.skill": "poor",
    "teleop.intervention.free_s": 6.0,
    "teleop.intervention.stall_s": 3.0,
    "teleop.intervention.reaction_s": 0.8,
    "teleop.intervention.min_progress": 0.5,
    "teleop.intervention.max_s": 0.1,
    "teleop.intervention.enough_progress": 0.3,
    "teleop.intervention.max_share": 0.01,
    "robot.task": "reach",
    "robot.randomize": "full",
    "robot.reset_pose": (0.0, -12.2, 13.6, 88.5, 0.0, 30.0),
}
ELSEWHERE = {
    "learner.device": "test_build",
    "train.count_demonstrations": "test_demonstrations_count",
    "learner.mode": "test_training, test_learner_thread",
    "learner.where": "test_learner_process_runs, tests/hil_app/remote/test_ray_runs",
    "learner.address": "tests/hil_app/remote/test_ray_runs",
    "learner.name": "tests/hil_app/remote/test_ray_runs",
    "learner.robot": "tests/hil_app/remote/test_ray_runs",
    "learner.share": "tests/hil_app/remote/test_station, tests/hil_app/learning/shared/test_pool",
    "learner.on_loss": "tests/hil_app/remote/test_bridge",
    "learner.weights_mb_per_s": "tests/hil_app/remote/test_bridge",
    "learner.takeover_ticks": "tests/hil_app/learning/test_take_over_penalty",
    "train.warm_start_updates": "test_warm_start_run",
    "learner.queue_size": "below",
    "learner.datasets": "test_offline_data, tests/hil_app/datasets/test_from_dataset",
    "offline.root": "test_offline_data",
    "offline.only": "tests/hil_app/datasets/test_from_dataset, test_offline_data",
    "offline.weight": "tests/hil_app/datasets/test_from_dataset, test_offline_data",
    "learner.prefetch": "below",
    "learner.random_shift": "test_build, tests/hil_app/learning/test_replay_images",
    "learner.photometric": "by its fields",
    "photometric.brightness": "tests/hil_app/learning/test_photometric, as the following",
    "photometric.contrast": "",
    "photometric.colour": "",
    "learner.max_skipped_updates": "tests/hil_app/learning/test_learner_thread",
    "train.eval_every": "test_evaluator",
    "train.eval_episodes": "test_evaluator",
    "train.save_every": "test_resume",
    "train.keep_last": "test_resume",
    "train.log_every": "test_metrics",
    "train.tensorboard": "test_trackers, as the following",
    "train.wandb": "",
    "train.rerun": "",
    "eval.video": "tests/e2e/test_commands",
    "teleop.type": "the tag",
    "teleop.gives_up_beyond": "tests/teleop",
    "teleop.bias": "tests/teleop/test_operator_skills, as the following",
    "teleop.mistakes": "",
    "teleop.mistake_s": "",
    "teleop.intervention.lets_go_early": "",
    "teleop.intervention": "by its fields",
    "leader.type": "the tag",
    "leader.control": "tests/processors/test_leader_step",
    "leader.port": "tests/teleop/test_leader, as all of the following",
    "leader.baud_rate": "",
    "leader.id": "",
    "leader.calibration_dir": "",
    "leader.gripper_opens": "",
    "leader.follow_torque": "",
    "leader.follow_speed": "",
    "leader.patience_s": "",
    "leader.deadman_s": "",
    "pad.type": "the tag",
    "pad.controls": "tests/teleop/test_manual, as all of the following",
    "pad.take_over": "",
    "pad.speed": "",
    "pad.slow_speed": "",
    "pad.on_loss": "",
    "pad.dead_zone": "",
    "pad.curve": "",
    "pad.rumble": "",
    "gamepad.type": "the tag",
    "gamepad.pad": "tests/teleop/gamepad/test_gamepad",
    "gamepad.virtual": "tests/teleop/gamepad/test_gamepad, tests/e2e/test_teleoperate",
    "gamepad_hid.type": "the tag",
    "gamepad_hid.pad": "tests/teleop/gamepad/test_gamepad_hid",
    "keyboard.type": "the tag",
    "keyboard.virtual": "tests/teleop/test_keyboard",
    "teleoperate.episodes": "tests/e2e/test_teleoperate, as the following",
    "teleoperate.record": "",
    "dataset.root": "test_record, as the following",
    "dataset.num_episodes": "",
    "dataset.task": "",
    "dataset.encoding": "by its fields",
    "dataset.encoding.codec": "test_record",
    "dataset.encoding.crf": "test_record",
    "dataset.max_waiting": "test_recording, below",
    "ask_for_help.min_value": "test_help, as all of the following",
    "ask_for_help.max_disagreement": "",
    "ask_for_help.ticks": "",
    "ask_for_help.again_after": "",
    "ask_for_help.after_updates": "",
}


def nested(name: str, value: Any) -> dict[str, Any]:
    for key in reversed(name.split(".")):
        value = {key: value}
    return value


def outcome(folder: Path, **changes: Any) -> tuple[Any, ...]:
    """All that a run leaves: every column of every episode, the weights, the judged actions."""
    with Session(tiny(folder, **changes), "train") as session:
        training = Training(session)
        training.run()
        evaluated = acted(session, training.policy)
    columns = [load_file(file) for file in sorted(folder.rglob("*.safetensors"))]
    columns += recorded(folder)
    return [{k: v.tobytes() for k, v in each.items()} for each in columns], evaluated


def acted(session: Session, policy: GaussianActorPolicy) -> list[bytes]:
    """Every action of the evaluation."""
    select, actions = policy.select_action, []

    def noted(*args: Any, **options: Any) -> Any:
        actions.append(select(*args, **options))
        return actions[-1]

    policy.select_action = noted  # type: ignore[method-assign]
    evaluate(session, policy)
    return [action.numpy().tobytes() for action in actions]


class Usual:
    """What the run without a change leaves, made once for each length that is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: dict[int, tuple[Any, ...]] = {}

    def __call__(self, ticks: int) -> tuple[Any, ...]:
        if ticks not in self.made:
            self.made[ticks] = outcome(self.folder / str(ticks), **base("", None, ticks))
        return self.made[ticks]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Usual:
    return Usual(tmp_path_factory.mktemp("usual"))


LENGTHS = 60, 300
"""Ticks within which most options have changed the tiny run, and within which all have: there are
take-overs, and rings are full."""


def base(name: str, value: Any, ticks: int) -> dict[str, Any]:
    """The tiny run with one change."""
    options: dict[str, Any] = {"train": {"ticks": ticks}, "eval": {"episodes": 2}}
    if name:
        for block, fields in nested(name, value).items():
            options[block] = {**options.get(block, {}), **fields}
    return options


@pytest.mark.parametrize("name", CHANGES)
def test_an_option_changes_the_run(name: str, usual: Usual, tmp_path: Path) -> None:
    assert any(
        outcome(tmp_path / str(ticks), **base(name, CHANGES[name], ticks)) != usual(ticks)
        for ticks in LENGTHS
    )


def test_the_same_options_give_the_same_run(usual: Usual, tmp_path: Path) -> None:
    ticks = max(LENGTHS)
    assert outcome(tmp_path / "run", **base("", None, ticks)) == usual(ticks)


def test_no_option_is_missing_here() -> None:
    models = {
        "learner": LearnerConfig,
        "offline": OfflineDatasetConfig,
        "photometric": PhotometricConfig,
        "train": TrainConfig,
        "eval": EvalConfig,
        "teleop": ScriptedTeleopConfig,
        "teleop.intervention": InterventionConfig,
        "leader": SO101LeaderConfig,
        "pad": PadConfig,
        "gamepad": GamepadConfig,
        "gamepad_hid": GamepadHIDConfig,
        "keyboard": KeyboardConfig,
        "teleoperate": TeleoperateConfig,
        "ask_for_help": HelpConfig,
        "dataset": DatasetConfig,
        "dataset.encoding": EncodingConfig,
    }
    fields = {f"{block}.{field}" for block, model in models.items() for field in model.model_fields}
    of_pads = {f"{block}.{field}" for block in models for field in PadConfig.model_fields}
    shared = {field for field in of_pads if not field.startswith("pad.")}
    assert fields - shared - CHANGES.keys() - ELSEWHERE.keys() == set()


def test_a_queue_of_one_frame_overflows(tmp_path: Path) -> None:
    """A free-running world is faster than any learner that must store each frame first."""
    options = {"learner": {"mode": "background", "queue_size": 1}, "train": {"ticks": 10_000}}
    with (
        Session(tiny(tmp_path / "run", **options), "train") as session,
        pytest.raises(LearnerDied, match=r"raise learner\.queue_size"),
    ):
        Training(session).run()


def test_as_many_frames_may_wait_for_the_disk_as_the_config_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run in real time ends with more; a world that is not paced waits, and ends well."""
    add = DatasetWriter.add

    def slow(*given: Any) -> None:
        threading.Event().wait(0.05)
        add(*given)

    monkeypatch.setattr(DatasetWriter, "add", slow)
    options = {"dataset": {"max_waiting": 2, "num_episodes": 1}}
    most = {}
    for paced in (True, False):
        env = {"paced": paced, "fps": 100}
        with Session(tiny(tmp_path / str(paced), **options, env=env), "record") as session:
            with pytest.raises(RecorderDied, match="max_waiting, 2") if paced else nullcontext():
                record(session)
            assert session.monitor.recording is not None
            most[paced] = session.monitor.recording.recorder.most_waiting
        lengths = [len(episode["action"]) for episode in recorded(session.folder)]
        assert lengths == [session.monitor.stages[0].ticks]  # every frame is there
    assert 3 <= most[True] <= 4
    assert 2 <= most[False] <= 4


def test_prefetching_draws_ahead_in_a_thread_that_ends_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, seen = RLTrainer.training_step, []

    def watched(trainer: RLTrainer) -> TrainingStats:
        seen.append(sum(thread.name == "prefetch" for thread in threading.enumerate()))
        return step(trainer)

    monkeypatch.setattr(RLTrainer, "training_step", watched)
    for prefetch, expected in ((None, {0}), (2, {0, 1})):  # it starts with the first update
        learner = {"mode": "background", "prefetch": prefetch}
        config = tiny(tmp_path / str(prefetch), learner=learner, train={"ticks": 200})
        with Session(config, "train") as session:
            Training(session).run()
        assert set(seen) == expected
        seen.clear()
        assert not any(thread.name == "prefetch" for thread in threading.enumerate())


def test_prefetching_is_refused_in_lockstep(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"set learner\.prefetch to null or learner\.mode to backgr"
    ):
        tiny(tmp_path, learner={"mode": "lockstep", "prefetch": 2})
