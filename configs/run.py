"""The whole of a run's configuration."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from configs.base import Changeable, Config, ConfigError
from configs.dataset import DatasetConfig
from configs.env import FPS, EnvConfig
from configs.gymnasium import GymnasiumConfig as GymnasiumConfig
from configs.learning.algorithm import RLAlgorithmConfig, SACAlgorithmConfig
from configs.learning.learner import LearnerConfig
from configs.learning.networks import NetworksConfig
from configs.manual import ManualConfig
from configs.options.help import HelpConfig
from configs.page import PageConfig
from configs.processor import ProcessorConfig
from configs.registry import OpenConfig
from configs.robot import RobotConfig, SO101SimConfig
from configs.teleop import ScriptedTeleopConfig, TeleopConfig, in_seconds
from configs.text.paths import UserPath

RESET_TIME = 10.0  # of an operator beside a real arm, where nobody says it [s]


class TrainConfig(Config):
    """The stages of a training run."""

    demonstrations: int = Field(20, ge=0)
    """Episodes the operator demonstrates before learning starts."""
    count_demonstrations: Literal["successes", "all"] = "successes"
    """successes: a demonstration that does not succeed is recorded, but neither counted nor learned
    from; all: every one is."""
    warm_start_updates: int = Field(0, ge=0)
    """Updates from the demonstrations alone before the policy acts for the first time: it imitates
    them, while its critics learn what they are worth; 0 for none."""
    ticks: Changeable[int] = Field(4000, ge=1)
    """Length of the training [ticks]."""
    eval_every: Changeable[int | None] = Field(None, ge=1)
    """How often the policy is evaluated during the training [ticks]; null for never."""
    eval_episodes: Changeable[int] = Field(20, ge=1)
    """Episodes of each such evaluation; always the same scenes."""
    save_every: Changeable[int | None] = Field(500, ge=1)
    """How often a checkpoint is written [ticks]; null for only at the end."""
    keep_last: Changeable[int] = Field(2, ge=1)
    """Checkpoints to keep, beside the one that did best on its own."""
    log_every: Changeable[int] = Field(50, ge=1)
    """How often the learner's figures are written to metrics.jsonl [updates]."""
    tensorboard: Changeable[bool] = False
    """Write the figures for TensorBoard too."""
    wandb: Changeable[bool] = False
    """Send the figures to Weights & Biases too; WANDB_MODE=offline keeps them in the run's folder,
    and WANDB_PROJECT, WANDB_ENTITY name the place."""
    rerun: Changeable[bool] = False
    """Write the figures into a recording for Rerun too: rerun.rrd in the run's folder."""


class EvalConfig(Config):
    """How a policy is evaluated: without interventions."""

    episodes: int = Field(50, ge=0)
    """Evaluation episodes; 0 for none."""
    deterministic: bool = True
    """Act on the policy's mean and its best choices; false samples, and explores the choices."""
    video: bool = True
    """Record a video of the first evaluation episodes (simulated worlds)."""


class TeleoperateConfig(Config):
    """The operator moves the arm, without a policy."""

    episodes: int | None = Field(None, ge=1)
    """Episodes after which the command ends; null goes on until it is stopped."""
    record: bool = False
    """Keep every episode in a dataset."""


class RunConfig(OpenConfig):
    """The whole of a run's configuration."""

    robot: RobotConfig = SO101SimConfig()
    """The robot."""
    teleop: TeleopConfig | None = ScriptedTeleopConfig()
    """Who takes over when the policy errs; null for nobody."""
    env: EnvConfig = EnvConfig()
    """The clock of the control loop and the shape of an episode."""
    processor: ProcessorConfig = ProcessorConfig()
    """What the steps between policy, robot and learner do."""
    policy: NetworksConfig = NetworksConfig()
    """The actor's networks."""
    algorithm: RLAlgorithmConfig = SACAlgorithmConfig()
    """The learning algorithm."""
    learner: LearnerConfig = LearnerConfig()
    """How frames become better weights."""
    ask_for_help: Changeable[HelpConfig | None] = None
    """When the policy asks the operator to take over; null for never."""
    train: TrainConfig = TrainConfig()
    """The stages of a training run."""
    eval: Changeable[EvalConfig] = EvalConfig()
    """How a policy is evaluated."""
    teleoperate: TeleoperateConfig = TeleoperateConfig()
    """The operator moves the arm, without a policy."""
    dataset: DatasetConfig = DatasetConfig()
    """Where episodes are kept, and how."""
    window: bool = False
    """Show the cameras and the state of the episode in a window; the keyboard has it anyway."""
    page: Changeable[PageConfig] = PageConfig()
    """The operator's page, in a browser."""
    seed: int = Field(0, ge=0)
    """Seed of every random source."""
    output_dir: UserPath | None = None
    """The run's folder; null makes runs/<time>_<command> where there is something to keep."""

    @property
    def manual(self) -> ManualConfig | None:
        """The device with sticks, buttons or keys that the operator has in hand, if any."""
        return None if self.teleop is None else self.teleop.manual

    @model_validator(mode="before")
    @classmethod
    def _operator_in_seconds(cls, given: Any) -> Any:
        """Read the ticks that older files count of what an operator does."""
        if not (isinstance(given, dict) and isinstance(given.get("teleop"), dict)):
            return given
        env = given.get("env")
        fps = env.get("fps", FPS) if isinstance(env, dict) else getattr(env, "fps", FPS)
        if not isinstance(fps, int | float) or fps <= 0:
            return given  # what is wrong with it is told elsewhere
        return {**given, "teleop": in_seconds(given["teleop"], fps)}

    @model_validator(mode="after")
    def _observes_what_is_sensed(self) -> Self:
        """Where nobody says what is observed, it is what this robot can sense."""
        looks, real = self.processor.observation, self.robot.real_time
        usual = {**({"object": None} if real else {}), **self.robot.observes}
        unsaid = {name: usual[name] for name in usual.keys() - looks.model_fields_set}
        if unsaid:
            looks = looks.model_copy(update=unsaid)
            processor = self.processor.model_copy(update={"observation": looks})
            self.__dict__["processor"] = processor  # frozen from here on
        return self

    @model_validator(mode="after")
    def _time_to_set_the_scene(self) -> Self:
        """Where nobody says how long a reset takes, an operator beside a real arm has some time."""
        operator = self.teleop is not None and self.teleop.has_operator
        if self.robot.real_time and operator and "reset_time_s" not in self.env.model_fields_set:
            env = self.__dict__["env"] = self.env.model_copy()  # frozen from here on
            env.__dict__["reset_time_s"] = RESET_TIME  # and still nobody has said it
        return self

    @model_validator(mode="after")
    def _demonstrator(self) -> Self:
        if self.train.demonstrations and self.teleop is None:
            raise ValueError(
                "train.demonstrations needs a teleop; set one, or train.demonstrations to 0"
            )
        return self

    @model_validator(mode="after")
    def _warm_start_has_a_start(self) -> Self:
        if not self.train.warm_start_updates:
            return self
        if not self.algorithm.warm_starts:
            kind = self.algorithm.type
            raise ValueError(f"train.warm_start_updates: algorithm {kind} cannot: set it to 0")
        if not self.train.demonstrations and not self.learner.datasets:
            raise ValueError(
                "train.warm_start_updates: there is nothing to learn from: set "
                "train.demonstrations or learner.datasets, or train.warm_start_updates to 0"
            )
        return self

    @model_validator(mode="after")
    def _help_can_be_asked_for(self) -> Self:
        wanted = self.ask_for_help
        if wanted is None:
            return self
        if wanted.min_value is None and wanted.max_disagreement is None:
            raise ValueError(
                "ask_for_help: nothing would make it ask: set min_value or max_disagreement"
            )
        if not self.algorithm.critics:
            kind = self.algorithm.type
            raise ValueError(f"ask_for_help: algorithm {kind} has no critics to go by: set null")
        if wanted.max_disagreement is not None and self.algorithm.critics == 1:
            raise ValueError(
                "ask_for_help.max_disagreement: one critic always agrees with itself: set "
                "algorithm.num_critics to 2 or more"
            )
        if self.teleop is None:
            raise ValueError("ask_for_help: there is nobody to ask: set a teleop, or null")
        return self

    @model_validator(mode="after")
    def _something_to_see(self) -> Self:
        wanted = self.processor.observation
        if not wanted.numbers and not (wanted.images and self.robot.cameras):
            raise ValueError(
                "processor.observation: the policy would see nothing: turn on at least one part"
            )
        return self

    def check_sight(self) -> None:
        """Raise ConfigError if a policy would see the arm alone, and nothing of its task."""
        looks = self.processor.observation
        if looks.object is not None or (looks.images and self.robot.cameras):
            return
        if not self.robot.apart:
            return
        remedy = "name cameras under robot.cameras, and leave processor.observation.images true"
        if not self.robot.real_time:
            remedy += ", or set processor.observation.object to relative"
        raise ConfigError(
            f"processor.observation: the policy would see the arm and not its task: {remedy}"
        )

    def _check_paced(self, who: str) -> None:
        """Raise ValueError, with all that is to be changed, if the run does not keep real time."""
        if not self.env.paced:
            waits = self.learner.mode == "lockstep"
            rest = ", and learner.mode to background, so that no tick waits for an update" * waits
            raise ValueError(f"env.paced: {who} in real time: set it to true{rest}")

    @model_validator(mode="after")
    def _robot_fits(self) -> Self:
        if self.robot.real_time:
            self._check_paced("a real arm moves")
            if self.learner.mode == "lockstep":
                raise ValueError("learner.mode: a real arm cannot wait for updates: set background")
        self.robot.check(self)
        return self

    @model_validator(mode="after")
    def _teleop_fits(self) -> Self:
        if self.teleop is not None:
            if self.teleop.has_operator:
                self._check_paced("an operator acts")
            self.teleop.check(self)
        return self

    @model_validator(mode="after")
    def _crops_have_cameras(self) -> Self:
        cameras = list(self.robot.cameras)
        for name in self.processor.images.crop:
            if name not in cameras and not self.robot.brings_cameras:
                known = ", ".join(cameras) or "none"
                raise ValueError(f"processor.images.crop.{name}: no such camera; cameras: {known}")
        return self

    @model_validator(mode="after")
    def _image_sizes_have_cameras(self) -> Self:
        cameras, sizes = list(self.robot.cameras), self.policy.image_size
        for name in sizes if isinstance(sizes, dict) else ():
            if name not in cameras and not self.robot.brings_cameras:
                known = ", ".join(cameras) or "none"
                raise ValueError(f"policy.image_size.{name}: no such camera; cameras: {known}")
        return self

    @model_validator(mode="after")
    def _images_are_there_to_be_lit(self) -> Self:
        if self.learner.photometric is not None and self.policy.freeze_vision_encoder:
            raise ValueError(
                "learner.photometric: with policy.freeze_vision_encoder the replay buffer has "
                "feature maps and no images to light: set null, or policy.freeze_vision_encoder to "
                "false"
            )
        return self
