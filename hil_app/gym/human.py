"""A wrapper that has an operator take over from whoever steps an environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
from gymnasium.utils import RecordConstructorArgs

from configs.base import ConfigError
from configs.teleop import TeleopConfig
from hil_app.build.assembly import Assembly
from hil_app.gym.env import ArmEnv
from hil_app.gym.settings import Blocks
from hil_app.gym.spaces import Seen, as_given
from robots.base import F32
from teleop.base import Acts, Remembering, Teleop, TeleopError


class HumanInTheLoop(gymnasium.Wrapper[Any, F32, Any, F32], RecordConstructorArgs):
    """An operator at the controls of one of our environments, who takes over when it goes wrong.

    ::

        env = HumanInTheLoop(gymnasium.make("HilApp/PickLift-v0"), "scripted")
        observation, reward, terminated, truncated, info = env.step(action)
        executed = info.get("intervene_action", action)

    ``info["is_intervention"]`` says of each step whether the operator acted, and then
    ``info["intervene_action"]`` has what was executed in place of the action, in the environment's
    own action space. ``info["rerecord_episode"]`` is true if the operator asks to throw the
    episode away; the operator's word on success and failure counts as in a run.

    ``teleop`` is the name of a teleoperator, such as "scripted", "gamepad" or "keyboard", a block
    of options or a config of one, or a :class:`teleop.base.Teleop` of your own. It acts
    "on_take_over", or "always" to demonstrate, or "never". With an operator who is human the
    environment keeps real time, and waits in ``step`` while they have it paused; once they have
    asked to stop, ``reset`` raises TeleopError.

    Another wrapper that changes actions belongs around this one. Raises ConfigError for an
    environment that is not ours, or a teleoperator that does not fit.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, F32],
        teleop: str | Blocks | TeleopConfig | Teleop = "scripted",
        acts: Acts = "on_take_over",
    ) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, teleop=teleop, acts=acts)
        gymnasium.Wrapper.__init__(self, env)
        self._arm = _ours(env)
        longest = None if env.spec is None else env.spec.max_episode_steps
        self._teleop = self._arm.operate(_block(teleop), acts, longest)
        self._acts: Acts = acts
        self._stopped = False  # by the operator

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Seen, dict[str, Any]]:
        """Begin an episode; the ``seed`` is that of a scripted operator, too.

        Raises TeleopError once the operator has asked to stop.
        """
        if self._stopped:
            raise TeleopError("The operator has asked to stop: no episode begins any more.")
        if seed is not None:
            self._reseed(seed)
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, info | {"is_intervention": False}

    def step(self, action: F32) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """A tick; the action counts unless the operator acts."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        assert self._arm.newest is not None
        command = self._arm.newest.command
        sample = command.sample
        info["is_intervention"] = bool(sample.intervening)
        info["rerecord_episode"] = bool(sample.rerecord)
        if sample.intervening:
            info["intervene_action"] = as_given(command.action)
        self._stopped |= sample.stop
        return observation, float(reward), terminated, truncated, info

    def _reseed(self, seed: int) -> None:
        """Have a scripted operator's noise be that of ``seed`` from now on."""
        parts, teleop = self._arm.parts, self._teleop
        if parts.config.teleop is not None and isinstance(teleop, Remembering):
            config = parts.config.model_copy(update={"seed": seed})
            fresh = Assembly(config, robot=parts.robot).teleop(self._acts)
            assert isinstance(fresh, Remembering)
            teleop.load_state(fresh.state())


def _ours(env: gymnasium.Env[Any, Any]) -> ArmEnv:
    """The environment inside of all wrappers. Raises ConfigError."""
    arm = env.unwrapped
    if not isinstance(arm, ArmEnv):
        raise ConfigError(
            f"HumanInTheLoop: {type(arm).__name__} is none of HilApp's environments: use it by "
            "`hil-app train --robot.type=gymnasium`"
        )
    if env.action_space != arm.action_space:
        raise ConfigError(
            "HumanInTheLoop: the operator's actions are those of the environment itself, and a "
            "wrapper within has changed them: put that around this one"
        )
    return arm


def _block(teleop: str | Blocks | TeleopConfig | Teleop) -> Blocks | Teleop:
    """The block of a teleoperator's config, or the teleoperator that is there already.

    Raises ConfigError for one who drives from a page, as nobody serves one here.
    """
    if isinstance(teleop, str):
        block: Blocks = {"type": teleop}
    elif isinstance(teleop, TeleopConfig):
        block = teleop.model_dump(mode="json")
    elif isinstance(teleop, Mapping):
        block = dict(teleop)
    else:
        return teleop
    if block.get("type") == "page":
        raise ConfigError("HumanInTheLoop: it has no page: choose gamepad or keyboard")
    return block
