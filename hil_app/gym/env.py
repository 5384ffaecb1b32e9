"""A task of a simulated arm as a gymnasium environment: the control loop, one tick a step."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import gymnasium
import numpy as np

from configs.events import Event
from hil_app.build.assembly import Assembly
from hil_app.gym.settings import Blocks, Obs, check_one_of, settings, with_teleop
from hil_app.gym.spaces import Observations, Seen, action_space, commanded
from processors.base import Observation, Transition
from robots.base import F32, U8, Viewed
from teleop.base import Acts, Teleop
from teleop.no_teleop import NoTeleop
from teleop.window.shown import Mood, Shown

HEIGHT, WIDTH = 360, 480  # of what is rendered [px]
_SMALL = (240, 320)  # of the same in the operator's window [px]
_SCENES = 2**31  # that are drawn from


class ArmEnv(gymnasium.Env[Any, F32]):
    """An SO100 or SO101 at a task; ``gymnasium.make("HilApp/PickLift-v0")`` makes one.

    ``task`` is the name of a task or a block that describes one, and ``robot`` "so101" or "so100".
    With ``obs="state"`` an observation is a vector (n,) of the numbers called ``state_names``. With
    ``obs="pixels"`` it is a dictionary: "front" and "wrist", the images (64, 64, 3) of two cameras,
    and "state", the arm's own numbers; where the objects are only the images tell. ``config`` has
    blocks of a run's configuration that are to differ, such as ``{"env": {"fps": 30}}``.

    An action (4,) in [-1, 1] moves the gripper along x, y, z, by 2 cm at most, and closes it
    (below -1/3) or opens it (above 1/3). The reward is 1 at success, which ends the episode.
    ``info`` has ``is_success``, and as ``discrete_penalty`` the cost of a flip of the gripper,
    which no reward contains. An episode is a pure function of its seed and the actions; that of a
    ``reset`` without a seed is drawn from ``np_random``, and its ``info`` has it as ``seed``.

    Raises ConfigError for what does not fit.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10.0}  # noqa: RUF012

    def __init__(
        self,
        task: str | Blocks = "pick_lift",
        robot: str = "so101",
        obs: Obs = "state",
        config: Blocks | None = None,
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            check_one_of("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.parts = Assembly(settings(task, robot, obs, config), tell=self._tell)
        self.metadata = {**self.metadata, "render_fps": self.parts.config.env.fps}
        self._observed = Observations(self.parts, pixels=obs == "pixels")
        self.state_names = self._observed.names
        self.action_space = self._actions = action_space(self.parts)
        self.observation_space = self._observed.space
        self.newest: Transition | None = None  # of the episode under way
        self._message = ""  # for the operator
        self._open = ExitStack()  # what is entered, from the first reset on
        self._entered = False
        self._seat(NoTeleop())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Seen, dict[str, Any]]:
        """Begin an episode in the scene of the ``seed``; there are no ``options``."""
        super().reset(seed=seed, options=options)
        scene = int(self.np_random.integers(_SCENES)) if seed is None else seed
        self._enter()
        self.newest = now = self.loop.reset(scene)
        return self._observed(now.observation), {"is_success": False, "seed": scene}

    def step(self, action: F32) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """A tick. Raises InvalidAction, or ResetNeeded if no episode is under way."""
        if self.newest is None:
            raise gymnasium.error.ResetNeeded("no episode is under way: call reset() first")
        self._policy.action = commanded(action, self._actions)
        self.newest = now = self.loop.tick(self.newest)
        self._show(now)
        info = {"is_success": now.success, "discrete_penalty": now.discrete_penalty}
        return self._observed(now.observation), now.reward, now.terminated, now.truncated, info

    def render(self) -> U8 | None:
        """The scene as a bystander sees it (360, 480, 3), in the mode rgb_array."""
        return None if self.render_mode is None else self._overview(HEIGHT, WIDTH)

    def close(self) -> None:
        """Let go of the simulated world; a reset makes it anew."""
        self._open.close()
        self._entered, self.newest = False, None

    def operate(self, teleop: Blocks | Teleop, acts: Acts, longest: int | None) -> Teleop:
        """Have an operator at the controls from the next reset on; returns who that is.

        It is for :class:`hil_app.gym.human.HumanInTheLoop`, which describes the arguments.
        """
        self.close()
        if isinstance(teleop, Mapping):
            config = with_teleop(self.parts.config, teleop, longest)
            self.parts = Assembly(config, tell=self._tell, robot=self.parts.robot)
            teleop = self.parts.teleop(acts)
        self._seat(teleop)
        return teleop

    def _seat(self, teleop: Teleop) -> None:
        """Make the loop between who acts and the robot."""
        self._teleop, self._policy = teleop, _Given(self._actions.shape)
        self.loop = self.parts.loop(teleop, self._policy, stop=lambda: False)

    def _enter(self) -> None:
        """Make the simulated world, and open what the operator has in hand, unless that is done."""
        if self._entered:
            return
        parts = self.parts
        with ExitStack() as stack:
            for one in (parts.window, parts.device, parts.robot, self._teleop):
                if one is not None:
                    stack.enter_context(one)
            self._open = stack.pop_all()
        self._entered = True

    def _overview(self, height: int, width: int) -> U8:
        assert isinstance(self.parts.robot, Viewed)
        return self.parts.robot.render("overview", height, width)

    def _show(self, now: Transition) -> None:
        """Show a tick in the operator's window, if there is one."""
        window = self.parts.window
        if window is not None:
            images = now.reading.images or {"overview": self._overview(*_SMALL)}
            mood: Mood = "you" if now.command.sample.intervening else "policy"
            window.show(Shown(mood.upper(), mood, images, message=self._message))

    def _tell(self, event: Event) -> None:
        """Tell the operator what happened to their device."""
        if event.message:
            self._message = event.message
            print(f"hil-app: {event.message}", file=sys.stderr)


class _Given:
    """A policy whose action the caller of ``step`` gives."""

    version = 0

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.action: F32 = np.zeros(shape, np.float32)

    def refresh(self) -> None:
        """Nothing is learned here."""

    def act(self, observation: Observation) -> F32:  # noqa: ARG002 - the caller has seen it
        """What was given."""
        return self.action
