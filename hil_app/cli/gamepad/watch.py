"""What a device with sticks, buttons or keys has shown since somebody began to watch it."""

from __future__ import annotations

from collections import Counter
from typing import Self

from configs.events import Event
from configs.manual import ManualConfig
from teleop.base import NO_INPUT, OPEN, STAY, TeleopSample
from teleop.device import Device, DeviceState
from teleop.manual import ManualTeleop, shaped
from teleop.words import AXES, by_control, place

_PUSHED, _BACK = 0.5, 0.2  # a stick's move is told from here on, and until here
VERDICTS = ("success", "failure", "rerecord", "stop", "emergency_stop")


class Watch:
    """A device, what a run would make of it, and all that has happened so far.

    ::

        with device:
            watch = Watch(config, device, wrist=False)
            while True:
                for line in watch.look(time.monotonic()):
                    print(line)
    """

    def __init__(self, config: ManualConfig, device: Device, *, wrist: bool) -> None:
        self.config = config
        self.pad = config.sticks
        self.does = by_control(config, wrist=wrist)
        self.state: DeviceState | None = DeviceState()  # None while the device is lost
        self.sample: TeleopSample = NO_INPUT
        self.presses: Counter[str] = Counter()  # by control
        self.events: Counter[str] = Counter()  # by what a run would hear
        self.seen: dict[str, float] = {}  # when each control and event was last there [s]
        self.name = device.name
        self._device = device
        self._pushed: set[tuple[str, int]] = set()
        self._opened = False  # a gripper that would do as it is told
        self._news: list[str] = []
        self._teleop = ManualTeleop(
            config, _Seen(device, self), self._tell, self._is_open, acts="on_take_over", wrist=wrist
        )

    def look(self, now: float) -> list[str]:
        """Poll the device, at ``now`` [s]; returns what has happened, a line each."""
        self._news = []
        before, self.sample = self.sample, self._teleop.read()
        self.name = self._device.name
        state = self.state or DeviceState()
        for control in state.pressed:
            self.presses[control] += 1
            self._note(control, 0, f" ({self.presses[control]})")
        self.seen |= dict.fromkeys({*state.pressed, *state.held}, now)
        self._apply_sticks(state)
        self._apply(before, now)
        return self._news

    @property
    def used(self) -> dict[str, float]:
        """A pad's axes as they count: without their dead zone."""
        if self.pad is None or self.state is None:
            return {}
        return shaped(self.state.axes, self.pad.dead_zone)

    def _apply_sticks(self, state: DeviceState) -> None:
        for axis in sorted(AXES) if self.pad is not None else ():
            for direction in (-1, 1):
                push = state.axes.get(axis, 0.0) * direction
                if push >= _PUSHED and (axis, direction) not in self._pushed:
                    self._pushed.add((axis, direction))
                    self._note(axis, direction)
                elif push < _BACK:
                    self._pushed.discard((axis, direction))

    def _apply(self, before: TeleopSample, now: float) -> None:
        """What a run would hear of the operator."""
        sample = self.sample
        for event in VERDICTS:
            if getattr(sample, event):
                self._count(event, now)
        if sample.intervening != before.intervening:
            self._news.append("the operator acts" if sample.intervening else "the policy acts")
            if sample.intervening:
                self._count("take_over", now)
        grip = int(sample.action[-1])
        if grip != STAY and sample.intervening:
            self._opened = grip == OPEN
            if grip != int(before.action[-1]) or not before.intervening:
                self._count("open" if grip == OPEN else "close", now)

    def _count(self, event: str, now: float) -> None:
        self.events[event] += 1
        self.seen[f"event {event}"] = now

    def _note(self, control: str, direction: int, more: str = "") -> None:
        does = self.does.get((control, direction), "nothing")
        where = place(control, direction, pad=self.pad is not None)
        self._news.append(f"{where}: {does}{more}")

    def _tell(self, event: Event) -> None:
        """Hear what a run would tell the operator."""
        self.events[event.name] += 1
        self._news.append(event.message or event.name)

    def _is_open(self) -> bool:
        return self._opened


class _Seen:
    """The device, whose states the watch sees."""

    def __init__(self, device: Device, watch: Watch) -> None:
        self._device, self._watch = device, watch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    @property
    def name(self) -> str:
        return self._device.name

    def poll(self) -> DeviceState | None:
        self._watch.state = self._device.poll()
        return self._watch.state

    def rumble(self, strength: float, seconds: float) -> None:
        self._device.rumble(strength, seconds)
