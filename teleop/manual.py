"""An operator at a device with sticks, buttons or keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from configs.base import ConfigError
from configs.events import Tell
from configs.manual import MOTIONS, STICKS, TRIGGERS, ManualConfig, Motion
from configs.processor import ProcessorConfig
from robots.base import F32, Robot, RobotSpec
from teleop.base import CLOSE, NO_INPUT, OPEN, STAY, Acts, TeleopSample
from teleop.device import Device, DeviceState
from teleop.events import Paused, TeleopBack, TeleopLost, Unpaused

_PAUSED = Paused(note="take over or press pause again to go on")
_UNPAUSED = Unpaused(note="it goes on")
_TAKEN_OVER = (0.6, 0.15)  # share of the strength, and how long it rumbles [s]
_ASKED = (1.0, 0.5)
_VERDICTS = ("success", "failure", "rerecord", "stop", "emergency_stop")
_STOPS = ("stop", "emergency_stop")
_CURVE = 1.5  # exponent of a stick's response
POSITION = 3  # motions that are none of the wrist's
ActionOf = Callable[[Sequence[float], int], F32]  # motions in [-1, 1], gripper's command -> action


def make(
    config: ManualConfig,
    *,
    robot: Robot,
    joints: Callable[[], F32],
    processor: ProcessorConfig,
    device: Device | None,
    tell: Tell,
    acts: Acts,
    **_: object,
) -> ManualTeleop:
    """The operator at the device. Raises ConfigError if there is none, or nothing it could move."""
    if device is None:
        raise ConfigError(f"teleop.type: {config.type} needs an operator at a device")
    spec, grip = robot.spec, processor.gripper
    if spec.arm is None and spec.neutral is None:
        raise ConfigError(
            f"teleop.type: {config.type} moves a gripper through space, or what a robot is "
            "commanded by away from its neutral command, and this robot has neither an arm model "
            "nor such a command; choose a teleop that is made for it, or null for nobody"
        )
    closed, open = (grip.closed, grip.open) if spec.arm is not None else spec.gripper_ends

    def is_open() -> bool:
        if spec.gripper is None:
            return False
        return bool((joints()[spec.gripper] > (closed + open) / 2) == (open > closed))

    action_of = through_space if spec.arm is not None else away_from_neutral(spec)
    wrist = has_wrist(spec, processor)
    return ManualTeleop(config, device, tell, is_open, acts=acts, wrist=wrist, action_of=action_of)


def has_wrist(spec: RobotSpec, processor: ProcessorConfig) -> bool:
    """Whether a device has motions for a wrist, behind x, y and z.

    Of a robot without an arm model they move the fourth and fifth number of its action.
    """
    if spec.arm is None:
        return int(spec.not_gripper.sum()) > POSITION
    return processor.wrist is not None


def through_space(moves: Sequence[float], gripper: int) -> F32:
    """The action of an arm: its motions in [-1, 1], and the gripper's command."""
    return np.array([*moves, gripper], np.float32)


def away_from_neutral(spec: RobotSpec) -> ActionOf:
    """The action of a robot without an arm model: its first numbers follow the motions, in order.

    A full motion brings a number from its neutral command to its lowest or highest.
    """
    assert spec.neutral is not None
    others = spec.not_gripper
    rest, (low, high) = spec.neutral[others], spec.limits[others].T

    def action(moves: Sequence[float], gripper: int) -> F32:
        push = np.zeros_like(rest)
        push[: len(moves)] = moves[: len(push)]
        numbers = rest + np.abs(push) * (np.where(push > 0, high, low) - rest)
        grip = [] if spec.gripper is None else [gripper]
        return np.array([*numbers, *grip], np.float32)

    return action


class ManualTeleop:
    """What the operator's ``device`` does, as actions and events.

    The action is made by ``action_of`` of the motions, (3,) or with ``wrist`` (5,) in [-1, 1], and
    the gripper's command. The operator acts "always" (demonstrating), "on_take_over",
    when the control for that says so, or "never" (watching the policy: verdicts, pauses and stops
    count). ``is_open`` says whether the gripper is, for its toggle. The ``device`` is entered and
    left by whoever shares it out.

    A device that is lost ends an intervention at once. As configured, the arm then pauses, or the
    policy goes on alone. A pause, asked for or not, ends when the operator presses pause or takes
    over.
    """

    def __init__(
        self,
        config: ManualConfig,
        device: Device,
        tell: Tell,
        is_open: Callable[[], bool],
        *,
        acts: Acts,
        wrist: bool = False,
        action_of: ActionOf = through_space,
    ) -> None:
        self._config, self._device, self._tell, self._is_open = config, device, tell, is_open
        self._pad = config.sticks
        self._acts = acts
        self._layout = config.layout(wrist=wrist)
        self._motions = MOTIONS if wrist else MOTIONS[:POSITION]
        self._action_of = action_of
        self._acting = False  # as the take-over control has it
        self._paused = self._lost = False
        self._name = device.name  # of the one that was there last
        self._grip = STAY  # what the gripper's toggle asks for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """What the operator does now: one poll of the device."""
        state = self._poll()
        if state is None:
            self._let_go()
            return replace(NO_INPUT, paused=self._paused)
        self._apply_pauses(state)
        self._apply_takeover(state)
        return TeleopSample(
            self._action(state),
            intervening=(self._acts == "always" or self._acting) and not self._paused,
            paused=self._paused,
            **self._verdicts(state, _VERDICTS),
        )

    def idle(self) -> TeleopSample:
        """The same between two episodes: stops and pauses count, and success means ready."""
        self._let_go()
        state = self._poll()
        if state is None:
            return replace(NO_INPUT, paused=self._paused)
        self._apply_pauses(state)
        ready = bool(self._presses(state, "success"))
        stops = self._verdicts(state, _STOPS)
        return replace(NO_INPUT, paused=self._paused, ready=ready, **stops)

    def ask(self) -> None:
        """Let the operator feel that the policy asks for a take-over."""
        self._rumble(*_ASKED)

    def _poll(self) -> DeviceState | None:
        """The device's state; tells when it is lost and when it is back."""
        state = self._device.poll()
        if state is None and not self._lost:
            self._lost = True
            hold = self._acts == "always" or self._config.on_loss == "hold"
            self._paused |= hold
            what = "the arm holds" if hold else "the policy goes on alone"
            self._tell(TeleopLost(cause=f"{self._name} is gone: {what}"))
        elif state is not None and self._lost:
            self._lost = False
            there = "is back" if self._device.name == self._name else "takes its place"
            what = ": take over or press pause to go on" if self._paused else ""
            self._tell(TeleopBack(note=f"{self._device.name} {there}{what}"))
        if state is not None:
            self._name = self._device.name
        return state

    def pause(self) -> None:
        """Pause, or go on, as the control for that does."""
        self._paused = not self._paused
        self._tell(_PAUSED if self._paused else _UNPAUSED)

    def _apply_pauses(self, state: DeviceState) -> None:
        if self._presses(state, "pause") % 2:
            self.pause()

    def _apply_takeover(self, state: DeviceState) -> None:
        presses = self._presses(state, "take_over")
        if self._config.take_over == "toggle":
            acting = self._acting ^ (presses % 2 == 1)
        else:
            acting = self._down(state, "take_over")
        if presses and acting and self._paused:
            self._paused = False
            self._tell(_UNPAUSED)
        acting &= self._acts != "never"
        if acting and not self._acting:
            self._grip = STAY
            self._rumble(*_TAKEN_OVER)
        self._acting = acting

    def _let_go(self) -> None:
        self._acting = False
        self._grip = STAY

    def _verdicts(self, state: DeviceState, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: True for name in names if self._presses(state, name)}

    def _action(self, state: DeviceState) -> F32:
        """What the motions and the gripper's command come to."""
        axes = state.axes if self._pad is None else shaped(state.axes, self._pad.dead_zone)
        slow = self._config.slow_speed if self._down(state, "slow") else 1.0
        moves = [slow * self._motion(name, axes, state) for name in self._motions]
        return self._action_of(moves, self._gripper(state))

    def _motion(self, name: Motion, axes: Mapping[str, float], state: DeviceState) -> float:
        """One motion in [-1, 1], at its usual speed."""
        push = 0.0
        for sign, control in self._layout.get(name, ()):
            down = control in state.held or control in state.pressed
            push += sign * axes.get(control, float(down))
        push = min(max(push, -1.0), 1.0)
        curve = 1.0 if self._pad is None else self._pad.curve.get(name, _CURVE)
        return math.copysign(abs(push) ** curve, push) * self._config.speed.get(name, 1.0)

    def _gripper(self, state: DeviceState) -> int:
        """The gripper's command; what the toggle asked for lasts until something else is asked."""
        opens, closes = self._down(state, "open"), self._down(state, "close")
        if opens or closes:
            self._grip = STAY
            return STAY if opens and closes else (OPEN if opens else CLOSE)
        if self._presses(state, "toggle_gripper") % 2:
            opened = self._is_open() if self._grip == STAY else self._grip == OPEN
            self._grip = CLOSE if opened else OPEN
        return self._grip

    def _down(self, state: DeviceState, deed: str) -> bool:
        """Whether one of the deed's controls is down, or was since the last poll."""
        used = {control for _, control in self._layout.get(deed, ())}
        return bool(used & state.held) or bool(used.intersection(state.pressed))

    def _presses(self, state: DeviceState, deed: str) -> int:
        """How often the deed's controls were pressed since the last poll."""
        used = {control for _, control in self._layout.get(deed, ())}
        return sum(control in used for control in state.pressed)

    def _rumble(self, share: float, seconds: float) -> None:
        if self._pad is not None and self._pad.rumble:
            self._device.rumble(share * self._pad.rumble, seconds)


def shaped(axes: Mapping[str, float], dead_zone: float) -> dict[str, float]:
    """The ``axes`` of a pad without their dead zone: motion begins at 0 on its edge.

    A stick's is radial, so that directions stay what they are; at most 1 away from the middle.
    Axes that are no pad's have none.
    """
    found = dict(axes) | {
        name: min(_beyond(axes.get(name, 0.0), dead_zone), 1.0) for name in TRIGGERS
    }
    for across, along in STICKS:
        x, y = axes.get(across, 0.0), axes.get(along, 0.0)
        push = math.hypot(x, y)
        scale = min(_beyond(push, dead_zone), 1.0) / push if push else 0.0
        found |= {across: x * scale, along: y * scale}
    return found


def _beyond(push: float, dead_zone: float) -> float:
    return max(0.0, push - dead_zone) / (1.0 - dead_zone)
