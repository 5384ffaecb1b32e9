"""What recording two cameras costs the loop and the learner, and whether a frame is lost."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from configs.run import RunConfig
from hil_app.bench import Result
from hil_app.bench.loop import Rig, a_rig, changed
from hil_app.control.rate import milliseconds
from hil_app.recording.dataset import Dataset
from robots.base import U8, Reading
from robots.twin.robot import SimRobot

FPS, WIDTH, HEIGHT = 30, 640, 480
CAMERAS = ("front", "wrist")
SHOTS = 45  # images of each camera, over and over
BLOCK = 40  # a shade is so wide [px]
NOISE = 2.0  # of a camera's sensor, standard deviation


def record(config: RunConfig, seconds: float, turns: int) -> Result:
    """A 30 Hz loop with its learner, in turns without two cameras of 640x480 and with them.

    The cameras are made up: a scene that moves, with the noise of a sensor, and no time to draw.
    The policy does not see it, the dataset has all of it.
    """
    measured = _Measured()
    for turn in range(2 * turns):
        filming = turn % 2 == 1
        with tempfile.TemporaryDirectory() as folder:
            wanted = filmed(config, filming=filming)
            robot = FilmedRobot(wanted)
            with a_rig(wanted, True, robot, Path(folder)) as rig:
                rig.run(round(seconds * FPS))
            measured.add("with cameras" if filming else "without", rig, Path(folder))
    return measured.result(seconds * turns)


class _Measured:
    """What came of the turns of each kind."""

    def __init__(self) -> None:
        self.late: dict[str, list[float]] = defaultdict(list)
        self.ticks: dict[str, int] = defaultdict(int)
        self.frames: dict[str, int] = defaultdict(int)
        self.updates: dict[str, int] = defaultdict(int)
        self.waiting, self.behind, self.size = 0, 0.0, 0

    def add(self, kind: str, rig: Rig, root: Path) -> None:
        """A turn is over."""
        self.late[kind] += rig.loop.rate.lateness
        self.ticks[kind] += rig.ticks
        self.frames[kind] += len(Dataset(root))
        self.updates[kind] += rig.learner.progress.updates
        self.waiting = max(self.waiting, rig.recorder.most_waiting)
        self.behind = max(self.behind, rig.recorder.furthest_behind)
        self.size += sum(path.stat().st_size for path in root.rglob("*.mp4"))

    def result(self, seconds: float) -> Result:
        """Everything in figures, over so many seconds of each kind."""
        kinds = list(self.late)
        return {
            "lateness_ms": {kind: milliseconds(self.late[kind]) for kind in kinds},
            "updates_per_s": {kind: round(self.updates[kind] / seconds, 1) for kind in kinds},
            "ticks": sum(self.ticks.values()),
            "dropped": sum(self.ticks[kind] - self.frames[kind] for kind in kinds),
            "backlog_max_frames": self.waiting,
            "backlog_max_s": round(self.behind, 3),
            "megabytes_per_minute": round(60 * self.size / seconds / 1e6, 1),
        }


def filmed(config: RunConfig, *, filming: bool = True) -> RunConfig:
    """``config`` at 30 Hz, with two cameras that the policy does not look at, or without."""
    cameras = {name: {"width": WIDTH, "height": HEIGHT} for name in CAMERAS}
    return changed(
        config,
        robot={"cameras": cameras if filming else {}},
        processor={"observation": {"images": False}},
        env={"fps": FPS, "paced": True},
        learner={"mode": "background", "learning_starts": 1},
    )


class FilmedRobot(SimRobot):
    """A simulated arm whose cameras need no drawing."""

    def __init__(self, config: RunConfig) -> None:
        assert config.robot.twin is not None
        super().__init__(config.robot.twin.model_copy(update={"cameras": {}}), config.env.fps)
        self.spec = replace(self.spec, cameras=dict.fromkeys(config.robot.cameras, (HEIGHT, WIDTH)))
        self._shots = {name: _shots(seed) for seed, name in enumerate(config.robot.cameras)}
        self._taken = 0

    def read(self) -> Reading:
        """What the arm senses, with the next shots."""
        self._taken += 1
        now = {name: shots[self._taken % SHOTS] for name, shots in self._shots.items()}
        return replace(super().read(), images=now)


def _shots(seed: int) -> list[U8]:
    """Images (480, 640, 3) of a scene that moves a few pixels each time, there and back."""
    random = np.random.default_rng(seed)
    shades = random.integers(30, 220, (HEIGHT // BLOCK, WIDTH // BLOCK, 3))
    scene = shades.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
    there = [abs(number - SHOTS // 2) * 3 for number in range(SHOTS)]
    noisy = (np.roll(scene, far, axis=1) + random.normal(0, NOISE, scene.shape) for far in there)
    return [np.clip(image, 0, 255).astype(np.uint8) for image in noisy]
