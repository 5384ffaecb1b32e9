"""What the page shows of a run at one instant, and what it is told of it at the beginning."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from configs.events import Event
from configs.page import KEY, TOUCH, PageTeleopConfig
from hil_app.build.assembly import Assembly
from hil_app.control.holder import TITLES, left, reset_left, who
from hil_app.control.loop import Loop
from hil_app.control.monitor import Monitor, Stage
from processors.classifier import ClassifiedSuccess
from robots.arm import Arm
from robots.base import F32, Reading
from robots.kinematics import Kinematics
from teleop.events import TeleopBack, TeleopLost
from teleop.page.codes import CODES
from teleop.words import place, uses

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.elsewhere.surface import AnyLearner

_LATENESS_EVERY = 1.0  # between two looks at all ticks' lateness [s]
_NEWEST = 300  # ticks whose lateness is shown


class News:
    """Looks at a run; kinematics are its own, as it lives in another thread."""

    def __init__(self, parts: Assembly, monitor: Monitor, learner: AnyLearner | None) -> None:
        self._parts, self._monitor, self._learner = parts, monitor, learner
        spec = self._spec = parts.robot.spec
        self._kinematics = None if spec.arm is None else Kinematics(spec.arm)
        self._lateness: dict[str, float] | None = None
        self._looked = 0.0  # at it
        self._began = time.monotonic()
        self.lost = False  # the operator's device

    def hear(self, event: Event) -> None:
        """Note what no monitor has."""
        if isinstance(event, TeleopLost | TeleopBack):
            self.lost = isinstance(event, TeleopLost)

    def run(self) -> dict[str, Any]:
        """The run, which does not change."""
        config, spec = self._parts.config, self._spec
        box = None if spec.arm is None else config.processor.bounds
        return {
            "task": spec.task,
            "robot": config.robot.type,
            "fps": config.env.fps,
            "cameras": [
                {"name": name, "width": width, "height": height}
                for name, (height, width) in spec.cameras.items()
            ],
            "joints": list(spec.names),
            "units": list(spec.units),
            "limits": spec.limits.round(2).tolist(),
            "bounds": None if box is None else {"min": list(box.min), "max": list(box.max)},
            **_model(spec.arm),
            "teleop": None if config.teleop is None else config.teleop.type,
        }

    def controls(self) -> dict[str, dict[str, str]]:
        """What a pad's and a keyboard's controls do, where the operator drives from the page."""
        manual, wrist = self._parts.config.manual, self._parts.wrist
        if not isinstance(manual, PageTeleopConfig):
            return {"mapping": {}, "keys": {}}
        codes = {f"{KEY}{name}": code for code, name in CODES.items()}
        mapping, keys = dict[str, str](), dict[str, str]()
        for use in uses(manual, wrist=wrist):
            if use.control in codes:
                keys[codes[use.control]] = use.does
            elif not use.control.startswith(TOUCH):
                mapping[place(use.control, use.direction, pad=True)] = use.does
        return {"mapping": mapping, "keys": keys}

    def state(self) -> dict[str, Any]:
        """What there is to see now."""
        stage = self._monitor.shown
        now = round(time.monotonic() - self._began, 3)
        if stage is None:
            return {"t": now, "who": "RESET", "mood": "paused", "stage": self._loading()}
        found, mood, tick = _acting(stage)
        word = "LOST" if found == "PAUSED" and self.lost else found
        asking = self._monitor.help
        return {
            "t": now,
            "who": word,
            "mood": mood,
            "stage": {**_stage(stage), "episode_ticks": tick},
            "help": asking is not None and asking.asking,
            "classifier": _probability(stage.loop),
            "lateness": self._late(stage),
            "learner": self._learned(stage),
            **self._robot(stage.loop),
        }

    def _loading(self) -> dict[str, Any]:
        loading = self._monitor.loading
        done, total = (0, 0) if loading is None else (loading.frames, loading.total)
        title = "It begins" if loading is None else "Recorded datasets are read"
        return {"name": "loading", "title": title, "done": done, "goal": total, "unit": "frames"}

    def _late(self, stage: Stage) -> dict[str, float] | None:
        now = time.monotonic()
        if now - self._looked > _LATENESS_EVERY:
            self._looked, self._lateness = now, stage.loop.rate.statistics(_NEWEST)
        return self._lateness

    def _learned(self, stage: Stage) -> dict[str, Any] | None:
        if self._learner is None:
            return None
        progress = self._learner.progress
        return {
            "updates": progress.updates,
            "updates_per_second": round(progress.updates_per_second, 1),
            "version": stage.version,
            "online": progress.online,
            "offline": progress.offline,
        }

    def _robot(self, loop: Loop) -> dict[str, Any]:
        """What the robot senses now, amid a reset too, and where it was last sent."""
        reading, newest = loop.seen.reading, loop.newest
        if reading is None:
            return {"joints": None, "target": None, "tip": None, "object": None}
        since = time.monotonic() - loop.seen.at
        old = [age + since for age in reading.ages.values()]
        return {
            "joints": _numbers(reading.joints),
            "target": None if newest is None else _numbers(newest.sent),
            "tip": self._tip(reading.joints),
            "object": self._object(reading),
            "loads": _numbers(reading.loads),
            "temperatures": _numbers(reading.temperatures),
            "ages": {"camera": round(1000 * max(old), 1)} if old else {},
        }

    def _tip(self, joints: F32) -> list[float] | None:
        return None if self._kinematics is None else _numbers(self._kinematics.tip(joints), 4)

    def _object(self, reading: Reading) -> list[float] | None:
        """The first point of what the robot's world tells, where it tells of points."""
        names, found = self._spec.environment, reading.environment_state
        if found is None or [name.rpartition(".")[2] for name in names[:3]] != ["x", "y", "z"]:
            return None
        return _numbers(found[:3], 4)


def _model(arm: Arm | None) -> dict[str, Any]:
    """Where the drawing of an arm is, and its joints: ``zero + scale * joint`` [rad]."""
    if arm is None:
        return {"urdf": None, "urdf_joints": None}
    joints = {"zero": arm.zero.tolist(), "scale": arm.scale.tolist()}
    return {"urdf": f"/robot/{arm.name}.urdf", "urdf_joints": joints}


def _acting(stage: Stage) -> tuple[str, str, int]:
    """Who has the arm, its mood, and in which tick of the episode: the loop goes on meanwhile."""
    while True:
        newest = stage.loop.newest
        found, mood = who(stage)
        if stage.loop.newest is newest:
            return found, mood, 0 if newest is None else newest.command.tick


def _stage(stage: Stage) -> dict[str, Any]:
    yet, reset = left(stage), reset_left(stage) if stage.loop.phase == "reset" else None
    return {
        "name": stage.name,
        "title": TITLES[stage.name],
        "done": stage.done,
        "goal": None if stage.endless else stage.goal,
        "unit": stage.unit,
        "seconds": round(stage.seconds, 1),
        "left": None if yet is None else round(yet, 1),
        "ticks": stage.ticks,
        "episode": len(stage.finished) + 1,
        "reset_left": None if reset is None else round(reset, 1),
    }


def _probability(loop: Loop) -> float | None:
    """What the success classifier made of the newest tick, if there is one."""
    steps: Iterable[object] = (step for _, step in loop.env_pipeline.steps)
    found = next((step for step in steps if isinstance(step, ClassifiedSuccess)), None)
    return None if found is None else found.newest


def _numbers(values: F32 | None, digits: int = 2) -> list[float] | None:
    """For JSON, which has no NaN."""
    if values is None or not np.isfinite(values).all():
        return None
    return [round(value, digits) for value in values.tolist()]
