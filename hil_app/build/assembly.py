"""The parts of a run, each made once from its config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from configs.events import Tell, tell_nobody
from configs.learning.policy import GaussianActorConfig, PolicyFeature
from configs.names import ACTION
from configs.reward import REWARDS
from configs.run import RunConfig
from configs.teleop import TELEOPS
from hil_app.build import devices
from hil_app.build.actions import Actions, actions_of, wrist_of
from hil_app.build.observations import (
    by_key,
    env_steps,
    image_features,
    observations,
    success_classifier,
)
from hil_app.build.robots import env_of, make_robot
from hil_app.build.seeds import seed_of
from hil_app.build.steps import with_steps
from hil_app.build.workspace import check_reachable
from hil_app.control.loop import Loop, Seen
from hil_app.control.policy import Policy
from hil_app.support.events import EventLog
from processors.base import Command, Pipeline, Step, Transition
from processors.classifier import ClassifiedSuccess
from processors.observation import Observe
from robots.base import F32, Robot
from robots.kinematics import Kinematics
from teleop.base import Acts, Teleop
from teleop.device import Device
from teleop.manual import has_wrist
from teleop.no_teleop import NoTeleop
from teleop.window.client import Window

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.algorithm import RLAlgorithm
    from hil_app.learning.elsewhere.surface import AnyLearner
    from hil_app.learning.learner import Log
    from hil_app.learning.networks.actor import GaussianActorPolicy
    from hil_app.rewards.classifier import SuccessClassifier

T = TypeVar("T")


class Assembly:
    """The parts of a run, each made once from its config, when it is first asked for.

    ::

        parts = Assembly(config)
        teleop = parts.teleop("always")
        loop = parts.loop(teleop, NoPolicy(), stop=lambda: False)
        with parts.robot, teleop:
            loop.episode(seed=0)

    ``tell`` hears what the operator must know of the robot and its teleoperator, and ``emergency``
    says whether the operator presses for a stop while the robot goes to rest. A ``robot`` or a
    ``device`` that is given takes the place of the config's.
    """

    def __init__(
        self,
        config: RunConfig,
        *,
        command: str = "run",
        tell: Tell = tell_nobody,
        emergency: Callable[[], bool] = lambda: False,
        robot: Robot | None = None,
        device: Device | None = None,
    ) -> None:
        self.config = config
        self.robot = robot or make_robot(config, tell, emergency)
        self._command, self._tell, self._device = command, tell, device
        self._seen = Seen()

    @cached_property
    def window(self) -> Window | None:
        """The operator's window, if the config asks for it or the operator's keys need it."""
        title = f"hil-app {self._command}: {self.config.robot.type}"
        manual = self.config.manual
        if manual is not None and manual.in_window:
            return devices.window_with_keys(manual, title, wrist=self.wrist)
        return Window(title, None) if self.config.window else None

    @cached_property
    def device(self) -> Device | None:
        """The operator's device, if that is sticks, buttons or the keys of the window."""
        manual = self.config.manual
        if self._device is not None or manual is None:
            return self._device
        stop = manual.layout(wrist=self.wrist).get("stop")
        return devices.device(manual, self.window, stop[0].control if stop else None)

    @property
    def wrist(self) -> bool:
        """Whether the operator's device has motions for a wrist, behind x, y and z."""
        return has_wrist(self.robot.spec, self.config.processor)

    @cached_property
    def kinematics(self) -> Kinematics | None:
        """Of the robot's arm, where it has an arm model."""
        arm = self.robot.spec.arm
        return None if arm is None else Kinematics(arm)

    @cached_property
    def actions(self) -> Actions:
        """What an action is. Raises ConfigError for settings that this robot has no use for."""
        return actions_of(self.config, self.robot.spec, self.kinematics)

    @cached_property
    def observations(self) -> dict[str, Observe]:
        """The parts of the observation, in order. Raises ConfigError for one not sensed."""
        return observations(self.config.processor, self.robot.spec, self.kinematics)

    @cached_property
    def images(self) -> dict[str, PolicyFeature]:
        """The images of all cameras, as a policy would see them."""
        return image_features(self.config.processor.images, self.robot.spec)

    @cached_property
    def policy_config(self) -> GaussianActorConfig:
        """The policy's config with its features and their ranges."""
        from hil_app.build import learning

        return learning.policy_config(self.config, self.observations, self.images, self.actions)

    @property
    def names(self) -> dict[str, Sequence[str]]:
        """What the numbers of observations and actions are called."""
        seen = {
            key: tuple(name for part in same for name in part.names)
            for key, same in by_key(self.observations).items()
        }
        return {**seen, ACTION: self.actions.names}

    @cached_property
    def classifier(self) -> SuccessClassifier | None:
        """The success classifier that the config names.

        Raises ConfigError if it looks at something else than this config shows, and ClassifierError
        if it cannot be read.
        """
        shown = self.policy_config.input_features | self.images
        return success_classifier(self.config, shown)

    def teleop(self, acts: Acts, *, along: Callable[[], object] = lambda: None) -> Teleop:
        """Who acts, and when: nobody where the config has no teleop.

        ``along`` is called at every poll of nobody, for the leader that others have. Raises
        ConfigError if the teleop cannot work on this robot.
        """
        config = self.config
        if config.teleop is None or (self.device is None and acts == "never"):
            return NoTeleop(along)
        make = TELEOPS.factory(config.teleop)
        made: Teleop = make(
            config.teleop,
            robot=self.robot,
            joints=self._joints,
            env=config.env,
            processor=config.processor,
            acts=acts,
            tell=self._tell,
            device=self.device,
            seed=self.seed("demonstrator" if acts == "always" else "operator"),
        )
        return made

    def loop(
        self,
        teleop: Teleop,
        policy: Policy,
        stop: Callable[[], bool],
        *,
        evaluating: bool = False,
        action_steps: Mapping[str, Step[Command]] | None = None,
    ) -> Loop:
        """The control loop around the robot.

        Where the policy is to be ``evaluating``, the world says what is a success, if it is a
        simulated one. ``action_steps`` take the place of the config's. Raises ConfigError
        if the robot cannot work in the config's box.
        """
        config, spec = self.config, self.robot.spec
        if self.kinematics is not None and spec.reset_pose is not None:
            box = config.processor.bounds
            check_reachable(self.kinematics, spec.limits, spec.reset_pose, box)
        return Loop(
            self.robot,
            teleop,
            policy,
            Pipeline("action", action_steps or self.action_steps()),
            Pipeline("env", self.env_steps(evaluating=evaluating)),
            env=env_of(config.env, spec),
            actions=self.actions,
            stop=stop,
            seen=self._seen,
        )

    def action_steps(self) -> dict[str, Step[Command]]:
        """From the action to what the robot is sent: the action space's steps, and others'.

        Raises ConfigError for a step that cannot stand where it is to.
        """
        return self._with_steps("action", self.actions.steps())

    def env_steps(self, *, evaluating: bool = False) -> dict[str, Step[Transition]]:
        """See :func:`hil_app.build.observations.env_steps`.

        A classifier's word is what is learned from, even where the world knows better.
        """
        wanted, truth = self.config.processor.success_classifier, self.robot.truth
        if wanted is None or (evaluating and truth is not None):
            classified = None
        else:
            assert self.classifier is not None
            threshold = wanted.threshold or self.classifier.config.threshold
            classified = ClassifiedSuccess(
                self.classifier.success_probability, threshold, wanted.ticks
            )
            truth = None
        reward = self.config.processor.reward
        made = REWARDS.factory(reward)(reward, **self._context)
        spec = self.robot.spec
        end = self.robot.truth if spec.rewards else None
        steps = env_steps(self.config, spec, self.observations, truth, classified, made, end)
        return self._with_steps("env", steps)

    def _with_steps(self, pipeline: str, steps: Mapping[str, Step[T]]) -> dict[str, Step[T]]:
        teleop, others = self.config.teleop, self.config.processor.steps
        more = [*(() if teleop is None else teleop.steps), *others]
        return with_steps(steps, more, pipeline, **self._context)

    @cached_property
    def _context(self) -> dict[str, Any]:
        """What the factories of steps and rewards are given."""
        config, kinematics = self.config, self.kinematics
        return {
            "spec": self.robot.spec,
            "kinematics": kinematics,
            "truth": self.robot.truth,
            "wrist": None if kinematics is None else wrist_of(config.processor, kinematics),
            "env": config.env,
            "processor": config.processor,
        }

    def policy(self, seed_name: str) -> GaussianActorPolicy:
        """An untrained policy that fits the config; ``seed_name`` tells copies apart."""
        from hil_app.build import learning

        return learning.make_policy(self.config, self.policy_config, seed_name)

    @property
    def initial_policy(self) -> GaussianActorPolicy:
        """Another copy of the policy that a training begins with."""
        from hil_app.build import learning

        return learning.initial_policy(self.config, self.policy_config)

    def algorithm(self, actor: GaussianActorPolicy) -> RLAlgorithm:
        """The learning algorithm, ready to train ``actor``, which it moves to its device."""
        from hil_app.build import learning

        return learning.make_algorithm(self.config, actor)

    def learner(
        self,
        actor: GaussianActorPolicy,
        events: EventLog,
        log: Log | None = None,
        home: Path | None = None,
    ) -> AnyLearner:
        """What trains ``actor``, with its buffers; ``log`` gets its figures now and then.

        ``home`` is the run's folder.
        """
        from hil_app.build import learning

        return learning.make_learner(self.config, actor, events, log, home)

    def seed(self, name: str, index: int = 0) -> int:
        """A seed of its own for each random source of the run."""
        return seed_of(self.config, name, index)

    def _joints(self) -> F32:
        """Where the robot's joints (n,) were when a loop looked last."""
        if self._seen.reading is None:
            return np.zeros(len(self.robot.spec.names), np.float32)
        return self._seen.reading.joints
