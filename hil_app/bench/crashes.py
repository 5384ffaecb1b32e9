"""What kill -9 does to a dataset that is being written.

A child process writes episodes whose numbers and images say where they belong, and tells of each
frame it has handed over and of each episode it has finished. It is killed at a random moment; then
the dataset is opened, repaired, opened again and looked through.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.format.spec import DatasetSpec
from hil_app.recording.frames import Frame
from hil_app.recording.mending.repair import repair
from hil_app.recording.writer import DatasetWriter
from processors.base import Observation
from robots import isolated
from robots.base import Reading

SIZE = 64, 96  # of the images [px]
CAMERAS = ("front", "wrist")
STATE = "observation.state"
LIVES = (0.0, 100.0)  # how many frames a child has handed over when it is killed
PERIOD = 0.005  # between two of its frames, so that it is often killed amidst an episode [s]
CLOSE = 8  # how far a codec may shift a level of grey


@dataclass
class Crashes:
    """What came of all kills."""

    kills: int = 0
    acknowledged: int = 0  # episodes that a child said were finished
    lost: int = 0  # of them
    half_read: int = 0  # kills after which the dataset did not open before any repair
    cut: int = 0  # kills in the midst of an episode
    frames: int = 0  # that were handed over of those episodes
    recovered: int = 0  # of them
    most_lost: int = 0  # of one episode
    wrong: list[str] = field(default_factory=list)  # whatever else was not as it should be

    @property
    def good(self) -> bool:
        """Whether nothing finished was lost and everything read is right."""
        return not (self.lost or self.half_read or self.wrong)


def crashes(root: Path, kills: int, seed: int, report: Callable[[Crashes], None]) -> Crashes:
    """Kill a writer ``kills`` times; ``report`` hears how it stands after each."""
    found, draw = Crashes(), random.Random(seed)
    while found.kills < kills:
        _kill(root, draw.uniform(*LIVES), found)
        report(found)
    return found


def _kill(root: Path, life: float, found: Crashes) -> None:
    """One child's life, and what is left after it."""
    before = len(Dataset(root).episodes) if root.exists() else 0
    finished, handed_over = _child(root, life)
    found.kills += 1
    found.acknowledged += finished
    try:
        after = Dataset(root)
    except DatasetError as error:
        found.half_read += 1
        found.wrong.append(str(error))
        return
    found.lost += max(0, before + finished - len(after.episodes))
    repaired = repair(root)
    if repair(root).anything:
        found.wrong.append("a second repair changed something")
    dataset = Dataset(root)
    unknown = len(after.episodes) - before - finished  # finished, but not yet reported
    if repaired.episode is not None and not repaired.whole and unknown == 0:
        found.cut += 1
        found.frames += handed_over
        found.recovered += min(repaired.frames, handed_over)
        found.most_lost = max(found.most_lost, handed_over - repaired.frames)
    for episode in range(before, len(dataset.episodes)):
        found.wrong += _wrong(dataset, episode)


def _child(root: Path, life: float) -> tuple[int, int]:
    """Let a child hand over ``life`` frames; returns the episodes it finished, and the frames of
    the one under way."""
    command = isolated.command("hil_app.bench.crashes", str(root))
    pipe, environment = subprocess.PIPE, isolated.environment()
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        begun = child.stdout.read(1)
        if begun != b"!":
            raise DatasetError(f"the writing process died: {child.stderr.read().decode()}")
        said = child.stdout.read(int(life))
        time.sleep(life % 1 * PERIOD)
        child.kill()
        said += child.stdout.read()
    return said.count(b"E"), len(said) - said.rfind(b"E") - 1


def _wrong(dataset: Dataset, episode: int) -> list[str]:
    """What is not as the child wrote it."""
    found = []
    for number, frame in enumerate(dataset.frames(episode)):
        wanted = _observation(episode, number)
        for key, value in wanted.items():
            away = np.abs(frame.observation[key].astype(float) - value).max()
            if away > (0 if key == STATE else CLOSE):
                found.append(f"episode {episode}, frame {number}: {key} is {away:g} off")
        joints = [int(joint) for joint in frame.reading.joints[:2]]
        if joints != [episode, number]:
            found.append(f"episode {episode}, frame {number}: joints of {joints}")
        if frame.action[0] * 1024 != number:
            found.append(
                f"episode {episode}, frame {number}: the action of {frame.action[0] * 1024:g}"
            )
    return found


def _observation(episode: int, number: int) -> Observation:
    """An observation that says which it is."""
    state = np.array([episode, number], np.float32)
    level = 40 + (7 * episode + 3 * number) % 170
    images = {
        f"observation.images.{name}": np.full((*SIZE, 3), level + 20 * place, np.uint8)
        for place, name in enumerate(CAMERAS)
    }
    return {STATE: state, **images}


def _reading(episode: int, number: int) -> Reading:
    """Joints that say which they are."""
    return Reading(np.array([episode, number, 2, 3, 4, 5], np.float32), number / 30)


def frame(episode: int, number: int, ends: bool) -> Frame:
    """A frame that says which it is; the last of its episode ``ends`` it."""
    action = np.array([number / 1024, 0, 0, 1], np.float32)  # exact, and at most 1
    return Frame(
        tick=number + 1,
        observation=_observation(episode, number),
        action=action,
        policy_action=action,
        sent=np.zeros(6, np.float32),
        next_observation=_observation(episode, number + 1),
        reading=_reading(episode, number),
        next_reading=_reading(episode, number + 1),
        reward=float(ends),
        discrete_penalty=0.0,
        success=ends,
        terminated=ends,
        truncated=False,
        is_intervention=True,
        rerecord=False,
        weights_version=0,
        seed=episode,
    )


def write_for_ever(root: Path) -> None:
    """Write episode after episode, and say so: "!" at the begin, "." a frame, "E" an episode."""
    spec = DatasetSpec(fps=30, robot_type="sim", task="be killed")
    writer, draw = DatasetWriter(root, spec), random.Random(os.getpid())
    _say(b"!")
    while True:
        episode, length = writer.count, draw.randint(1, 60)
        for number in range(length):
            writer.add(frame(episode, number, number == length - 1), "record")
            _say(b".")
            time.sleep(PERIOD)
        writer.finish()
        _say(b"E")


def _say(what: bytes) -> None:
    os.write(sys.stdout.fileno(), what)


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
