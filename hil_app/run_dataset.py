"""The dataset that a run's episodes go into."""

from __future__ import annotations

from pathlib import Path

from configs.run import RunConfig
from hil_app.build import Body
from hil_app.events import EventLog
from hil_app.recording.frames import Frame
from hil_app.recording.recorder import Recorder
from hil_app.recording.writer import FolderWriter
from hil_app.run_folder import DATASET


class _Interim:
    """Whole episodes by the old writer, until there are datasets."""

    def __init__(self, root: Path) -> None:
        self.count = len(list(root.glob("*.safetensors")))
        self._writer = FolderWriter(root, self.count)
        self._frames: list[Frame] = []
        self._stage = ""

    def add(self, frame: Frame, stage: str) -> None:
        self._frames.append(frame)
        self._stage = stage

    def finish(self) -> None:
        self._writer.write(self._frames, self._stage)
        self._frames = []
        self.count += 1

    def discard(self) -> None:
        self._frames = []

    def close(self) -> None:
        pass


def root_of(config: RunConfig, folder: Path) -> Path:
    """Where the dataset of a run with this folder lies."""
    return config.dataset.root or folder / DATASET


def recorder(config: RunConfig, body: Body, root: Path, events: EventLog) -> Recorder:
    """What puts frames into the dataset at ``root``, which it goes on with if there is one.

    A world that does not keep real time waits for it.
    """
    return Recorder(
        lambda: _Interim(root),
        events,
        max_waiting=config.dataset.max_waiting,
        patient=not config.env.paced,
    )
