"""A scripted operator for the simulated world: demonstrates, and takes over on a stall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from configs.base import ConfigError
from configs.env import EnvConfig
from configs.processor import ProcessorConfig
from configs.registry import imported
from configs.teleop import InterventionConfig, ScriptedTeleopConfig
from robots.base import F32, Robot, Truth, TruthSource
from teleop.base import NEUTRAL, NO_INPUT, OPEN, Acts, TeleopSample
from teleop.oracles.base import Oracle, Stick

F64 = NDArray[np.float64]
ENDLESS = 10**9  # ticks of an episode without a time limit
_SHARES = np.tile(np.array([-1, 1], np.float32), (3, 1))  # limits of the motions of an arm


def make(
    config: ScriptedTeleopConfig,
    *,
    robot: Robot,
    env: EnvConfig,
    processor: ProcessorConfig,
    acts: Acts,
    seed: int,
    **_: object,
) -> ScriptedTeleop:
    """The scripted operator beside a robot.

    Raises ConfigError if that has no simulated world, or nobody knows the way in it.
    """
    if robot.truth is None:
        raise ConfigError(
            "teleop.type: the scripted operator knows its way only in a simulated world, which the "
            "arm on robot.port has not; choose another, or null for nobody"
        )
    spec, grip = robot.spec, processor.gripper
    if spec.operator is None:
        raise ConfigError(
            f"teleop.type: the scripted operator does not know how to do the task {spec.task}: "
            + ("" if spec.arm is not None else "name what does in robot.operator, or ")
            + "choose another, or null for nobody"
        )
    known = imported(spec.operator)
    ways: dict[str, Any] = {}
    if spec.arm is None:
        oracle = known() if isinstance(known, type) else known
        ways["limits"] = spec.limits[spec.not_gripper]
    else:
        oracle = known(Stick(_f32(processor.step_size), env.fps), grip.closed, grip.open)
        ways["workspace"] = (_f32(processor.bounds.min), _f32(processor.bounds.max))
    return ScriptedTeleop(
        config,
        robot.truth,
        oracle,
        max_ticks=env.time_limit or ENDLESS,
        fps=env.fps,
        seed=seed,
        demonstrating=acts == "always",
        **ways,
    )


class ScriptedTeleop:
    """Acts like an operator at the pad, from what the simulated world says is true.

    With ``demonstrating`` it has the stick all the time; otherwise it watches and takes over for
    a short while whenever the policy makes no progress; of an oracle that knows of none, the policy
    never makes any. The oracle's first numbers have ``limits`` (c, 2), as shares of which they are
    shaken. It calls an episode a failure when the object lies out of reach of the ``workspace``, a
    low and a high corner (3,) [m]. ``max_ticks`` is the longest episode, of which it takes at most
    the configured share.
    """

    def __init__(
        self,
        config: ScriptedTeleopConfig,
        truth: TruthSource,
        oracle: Oracle | Callable[[Truth], F32],
        *,
        limits: F32 = _SHARES,
        workspace: tuple[F32, F32] | None = None,
        max_ticks: int,
        fps: float,
        seed: int,
        demonstrating: bool,
    ) -> None:
        self._config, self._truth, self._oracle = config, truth, oracle
        self._workspace = workspace
        self._demonstrating = demonstrating
        self._random = random = np.random.default_rng(seed)
        progress = getattr(oracle, "progress", _none)
        self._watcher = Watcher(config.intervention, max_ticks, progress, random, fps)
        self._hand = Hand(config, random, fps, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """What the operator does now."""
        truth = self._truth()
        action = self._oracle(truth)
        intervening = self._demonstrating or self._watcher.intervenes(truth)
        executed = self._hand(action, truth.episode) if intervening else NEUTRAL
        return TeleopSample(executed, intervening, failure=self._hopeless(truth))

    def idle(self) -> TeleopSample:
        """Waits for the next episode."""
        return NO_INPUT

    def state(self) -> dict[str, Any]:
        """What it remembers from one episode to the next, as JSON values."""
        return {"random": self._random.bit_generator.state}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave. Raises ValueError or KeyError if it is not that."""
        self._random.bit_generator.state = state["random"]

    def _hopeless(self, truth: Truth) -> bool:
        limit = self._config.gives_up_beyond
        if limit is None:
            return False
        if self._workspace is None:  # there is no box: only who knows the way can tell
            hopeless = getattr(self._oracle, "hopeless", None)
            return hopeless is not None and bool(hopeless(truth))
        low, high = self._workspace
        beyond = np.maximum(low - truth.object, truth.object - high)  # (3,) [m]
        return bool(beyond[:2].max() > limit)


class Hand:
    """What an operator's hand makes of what is meant: it shakes, leans to a side, and errs.

    An action's first numbers have ``limits`` (c, 2); half of the way between them is their share 1.
    """

    def __init__(
        self,
        config: ScriptedTeleopConfig,
        random: np.random.Generator,
        fps: float,
        limits: F32 = _SHARES,
    ) -> None:
        self._config, self._random = config, random
        self._low, self._high = limits.T
        self._half, self._middle = (self._high - self._low) / 2, (self._high + self._low) / 2
        self._mistake = _ticks(config.mistake_s, fps)
        wrong, length = config.mistakes, self._mistake
        self._errs = wrong / (wrong + length * (1.0 - wrong))  # in a tick that is not wrong yet
        self._episode = -1

    def __call__(self, meant: F32, episode: int) -> F32:
        """The action (a,) where ``meant`` (a,) is meant, in this tick of an ``episode``."""
        if episode != self._episode:
            self._begin(episode)
        done = np.array(meant, np.float32)
        if self._errs:
            self._err(done)
        count = len(self._half)
        shake = self._random.normal(0.0, self._config.noise, count)
        moved = done[:count] + self._half * (self._lean + shake)
        done[:count] = np.minimum(np.maximum(moved, self._low), self._high)
        return done

    def _begin(self, episode: int) -> None:
        self._episode = episode
        self._wrong_for = 0  # ticks
        self._astray: F64 | None = None  # where to; None opens the gripper
        bias = self._config.bias
        self._lean = bias * self._direction() if bias else np.zeros(len(self._half))

    def _err(self, done: F32) -> None:
        """Make of an action (a,) something wrong, at times."""
        count = len(self._half)
        if not self._wrong_for and self._random.random() < self._errs:
            self._wrong_for = self._mistake
            moves = len(done) == count or self._random.random() < 0.5
            self._astray = self._direction() if moves else None
        if self._wrong_for:
            self._wrong_for -= 1
            if self._astray is None:
                done[-1] = OPEN
            else:
                done[:count] = self._middle + self._half * self._astray

    def _direction(self) -> F64:
        """Any direction (c,), each as likely as the others."""
        way: F64 = self._random.normal(size=len(self._half))
        return way / np.linalg.norm(way)


class Watcher:
    """Decides, tick by tick, whether a human-like operator has the stick."""

    def __init__(
        self,
        config: InterventionConfig,
        max_ticks: int,
        progress: Callable[[Truth], float],
        random: np.random.Generator,
        fps: float,
    ) -> None:
        self._config, self._progress, self._random = config, progress, random
        self._free, self._reaction = round(config.free_s * fps), round(config.reaction_s * fps)
        self._stall, self._longest = _ticks(config.stall_s, fps), _ticks(config.max_s, fps)
        self._budget = int(config.max_share * max_ticks)  # ticks an episode
        self._episode = -1

    def intervenes(self, truth: Truth) -> bool:
        """Whether the operator acts in this tick; call it once a tick."""
        if truth.episode != self._episode:
            self._begin(truth)
        made = self._progress(truth)
        if self._until > truth.tick:  # on the stick
            if made - self._grabbed_at >= self._config.enough_progress:
                self._let_go(truth, made)
            else:
                self._used += 1
                return True
        elif self._until == truth.tick:  # the take-over's time is up
            self._let_go(truth, made)
        return self._watch(truth, made)

    def _begin(self, truth: Truth) -> None:
        self._episode = truth.episode
        self._used = 0
        self._until = -1  # tick at which the take-over under way ends
        self._grabbed_at = 0.0  # progress when it began
        self._due: int | None = None  # tick at which the hand reaches the stick
        self._let_go(truth, self._progress(truth))

    def _let_go(self, truth: Truth, made: float) -> None:
        self._until = -1
        self._best, self._best_tick = made, truth.tick

    def _watch(self, truth: Truth, made: float) -> bool:
        config = self._config
        if made >= self._best + config.min_progress:
            self._best, self._best_tick, self._due = made, truth.tick, None
        stalled = truth.tick - self._best_tick >= self._stall
        if self._due is None and stalled and truth.tick >= self._free:
            self._due = truth.tick + self._reaction
        if self._due is None or truth.tick < self._due or self._used >= self._budget:
            return False
        self._due = None
        self._until = truth.tick + self._stay()
        self._grabbed_at = made
        self._used += 1
        return True

    def _stay(self) -> int:
        """How long this take-over is to last at most [ticks]."""
        most = min(self._longest, self._budget - self._used)
        early = self._config.lets_go_early
        if not early or self._random.random() >= early:
            return most
        return int(self._random.integers(1, max(most // 2, 1), endpoint=True))


def _ticks(seconds: float, fps: float) -> int:
    """A time in ticks, at least one."""
    return max(1, round(seconds * fps))


def _none(truth: Truth) -> float:  # noqa: ARG001
    """The progress that an onlooker sees who does not know the task."""
    return 0.0


def _f32(values: Sequence[float]) -> F32:
    return np.array(values, np.float32)
