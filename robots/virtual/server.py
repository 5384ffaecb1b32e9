"""A virtual arm at work: one loop that serves the port, the control socket and the physics."""

from __future__ import annotations

import heapq
import selectors
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import numpy as np

from robots.base import JOINTS, RobotError
from robots.virtual.control import Control
from robots.virtual.fault_settings import IN_ORDER, FaultSettings
from robots.virtual.faults import Faults
from robots.virtual.port import Port
from robots.virtual.servos.chain import Chain
from robots.virtual.servos.motors import Motors
from robots.virtual.servos.packets import PacketReader

PERIOD = 0.01  # of the physics [s]
_BEHIND = 5  # periods that are made up for; more are skipped
_SILENCE = 0.005  # without a byte, after which a servo waits no longer for a packet's end [s]


class Clock(selectors.SelectSelector):  # which waits to the microsecond
    """The time that servos live in, and how it passes: ``select`` waits."""

    def now(self) -> float:
        """Monotonic [s]."""
        return time.monotonic()


class Server:
    """Runs ``chain`` on ``port`` with ``motors`` in the time of ``clock``; ``save`` stores the
    EEPROMs."""

    def __init__(
        self, chain: Chain, motors: Motors, port: Port, save: Callable[[], None], clock: Clock
    ) -> None:
        self._chain, self._motors, self._port, self._save = chain, motors, port, save
        self._clock = clock
        self._faults, self._fault_settings = Faults(), FaultSettings()
        self._reader, self._heard = PacketReader(), 0.0
        self._answers: list[tuple[float, int, bytes]] = []  # (due, order, bytes), a heap
        self._order = count()
        self._back: float | None = None  # when the port comes back
        self._in_order: float | None = None  # when all faults are over
        self._control = Control(
            clock,
            {
                "hello": lambda _: {"arm": motors.kind, "task": motors.task, "link": port.link},
                "truth": lambda _: self._truth(),
                "reset": lambda ask: motors.reset(int(ask["seed"])),
                "hand": lambda ask: self._hand(ask["joints"]),
                "set": lambda ask: self.turn(ask["fault_settings"]),
                "fault_settings": lambda _: (
                    self._fault_settings.model_dump(mode="json") | self._faults.left()
                ),
                "report": lambda _: self._report(),
            },
        )
        self._attach()

    @property
    def port(self) -> str:
        """The device's name now."""
        return self._port.name

    def run(self, stop: Callable[[], bool]) -> None:
        """Serve until ``stop`` says so, looking at least once a period."""
        due = self._clock.now() + PERIOD
        while not stop():
            self._wait(due)
            now = self._clock.now()
            while now >= due:
                self._advance()
                due = max(due + PERIOD, now - _BEHIND * PERIOD)
            if self._back is not None and now >= self._back:
                self._attach()
            if self._in_order is not None and now >= self._in_order:
                self.turn(IN_ORDER)

    def close(self) -> None:
        """Remove everything that others could see."""
        self._detach()
        self._control.close()
        self._clock.close()

    def turn(self, changes: Mapping[str, Any]) -> None:
        """Change fault settings; raises RobotError with what is allowed."""
        fault_settings = self._fault_settings.with_changes(changes)
        self._chain.turn(fault_settings)
        self._faults.turn(fault_settings, set(changes))
        self._motors.block(np.array([name in fault_settings.stuck for name in JOINTS]))
        if fault_settings.gone_s:
            self._detach()
            self._back = self._clock.now() + fault_settings.gone_s
        elif self._back is not None and "gone_s" in changes:
            self._back = self._clock.now()
        if "for_s" in changes:
            over = self._clock.now() + fault_settings.for_s
            self._in_order = over if fault_settings.for_s else None
        self._fault_settings = fault_settings.model_copy(
            update={"gone_s": 0.0, "power_cycle": False, "for_s": 0.0}
        )

    def _wait(self, due: float) -> None:
        """Serve what comes until ``due``, or until something was done."""
        until = min(due, self._answers[0][0]) if self._answers else due
        now = self._clock.now()
        if self._reader.waiting:
            until = min(until, self._heard + _SILENCE)
        for key, _ in self._clock.select(max(0.0, until - now)):
            key.data()
        now = self._clock.now()
        if self._reader.waiting and now >= self._heard + _SILENCE:
            self._execute(*self._reader.give_up())
        while self._answers and self._answers[0][0] <= now:
            self._port.write(heapq.heappop(self._answers)[2])

    def _listen(self) -> None:
        self._heard = self._clock.now()
        self._execute(*self._reader.feed(self._port.read()))

    def _execute(self, packets: list[Any], damaged: int) -> None:
        self._chain.violations.damaged += damaged
        for packet in packets:
            at_once = b""
            for answer in self._chain.handle(packet, self._port.speed):
                content, delay = self._faults.befall(answer)
                if delay:
                    item = (self._clock.now() + delay, next(self._order), content)
                    heapq.heappush(self._answers, item)
                else:
                    at_once += content
            if at_once:
                self._port.write(at_once)

    def _advance(self) -> None:
        """One period of the servos and of what they move."""
        servos, motors = self._chain.servos.values(), self._motors
        setpoints, shares = zip(*(servo.drive(PERIOD) for servo in servos), strict=True)
        motors.advance(np.array(setpoints), np.array(shares))
        felt = zip(
            motors.positions.tolist(),
            motors.velocities.tolist(),
            motors.efforts.tolist(),
            strict=True,
        )
        for servo, (position, velocity, effort) in zip(servos, felt, strict=True):
            load = self._fault_settings.load.get(servo.name)
            servo.feel(position, velocity, effort if load is None else load / 100, PERIOD)
            servo.temperature = self._fault_settings.temperature.get(servo.name, servo.temperature)
        if self._chain.dirty:
            self._chain.dirty = False
            self._save()

    def _attach(self) -> None:
        if not self._port.name:
            self._port.open()
        self._control.move(self._port.name)
        self._clock.register(self._port.master, selectors.EVENT_READ, self._listen)
        self._back = None

    def _detach(self) -> None:
        if self._port.name:
            self._control.move("")
            self._clock.unregister(self._port.master)
            self._port.close()
            self._answers.clear()
            self._reader = PacketReader()

    def _hand(self, joints: dict[str, float] | None) -> None:
        if unknown := set(joints or ()) - set(JOINTS):
            raise RobotError(f"No joint {', '.join(unknown)}; joints: {', '.join(JOINTS)}")
        if not np.isfinite(list((joints or {}).values())).all():
            raise RobotError(f"A hand takes joints to finite values, not to {joints}")
        self._motors.hand(joints)

    def _report(self) -> dict[str, Any]:
        return self._chain.violations.report() | {"faults": dict(self._faults.done)}

    def _truth(self) -> dict[str, Any]:
        truth = self._motors.truth()
        return {
            "episode": truth.episode,
            "tip": truth.tip.tolist(),
            "gripper": truth.gripper,
            "objects": {name: at.tolist() for name, at in truth.objects.items()},
            "success": truth.success,
        }
