"""Writing a dataset: the episode under way in a journal, finished ones for good."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from configs.dataset import EncodingConfig
from configs.names import (
    ACTION,
    COMPLEMENTARY_INFO,
    DISCRETE_PENALTY,
    DONE,
    IS_INTERVENTION,
    REWARD,
    TRUNCATED,
)
from hil_app.files import write_whole
from hil_app.recording.frames import Frame
from hil_app.recording.journal import END, PACKET, ROW, Journal, Packet
from hil_app.recording.layout import INFO, JOURNAL, VIDEO_PATH, Info, size_of
from hil_app.recording.ledger import Ledger
from hil_app.recording.recovery import read_journal, settle
from hil_app.recording.rows import Packer, features_of, row
from hil_app.recording.stats import Levels
from hil_app.recording.video import Encoder, described
from processors.base import Features

SYNC = 0.5  # how much of an episode a power cut may take [s]


@dataclass(frozen=True)
class DatasetSpec:
    """What a dataset is to hold."""

    fps: float
    robot_type: str
    task: str  # what is to be done, in a line
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of a column's numbers
    encoding: EncodingConfig = field(default_factory=EncodingConfig)


class DatasetWriter:
    """Adds episodes to the dataset in ``root``, or begins one.

    What a crash left of an episode is brought back first. One thread may call it::

        for frame in episode:
            writer.add(frame, "record")
        writer.finish()  # or discard()

    Raises DatasetError if the dataset there is another kind of, the disk refuses or an encoder
    dies; every episode that was finished before is safe then.
    """

    def __init__(self, root: Path, spec: DatasetSpec) -> None:
        self.root, self._spec = root, spec
        root.mkdir(parents=True, exist_ok=True)
        self._ledger: Ledger | None = None
        if (root / INFO).exists():
            self._ledger = Ledger(root, Info.read(root))
        self._episode: _Episode | None = None

    @property
    def count(self) -> int:
        """Episodes in the dataset."""
        return self._ledger.info.episodes if self._ledger else 0

    def add(self, frame: Frame, stage: str) -> None:
        """Append a frame to the episode under way, or begin one of ``stage``."""
        if self._episode is None:
            self._episode = self._begin(frame, stage)
        self._episode.add(frame)

    def finish(self) -> None:
        """End the episode under way; it is safe, and counts, when this returns."""
        assert self._episode is not None
        assert self._ledger is not None
        episode, self._episode = self._episode, None
        pictures = episode.end()
        content = read_journal(self.root / JOURNAL)
        assert content is not None
        settle(self._ledger, content, pictures)
        (self.root / JOURNAL).unlink()

    def discard(self) -> None:
        """Throw the episode under way away."""
        if self._episode is not None:
            self._episode.close()
            self._episode = None
            (self.root / JOURNAL).unlink()

    def close(self) -> None:
        """End; an episode under way can be repaired."""
        if self._episode is not None:
            self._episode.close()

    def _begin(self, frame: Frame, stage: str) -> _Episode:
        spec = self._spec
        if self._ledger is None:
            about = described(spec.encoding, spec.fps)
            features = features_of(frame, spec.names, about)
            video = any(feature.dtype == "video" for feature in features.values())
            path = VIDEO_PATH if video else None
            info = Info(spec.fps, spec.robot_type, features, video_path=path)
            info.write(self.root)
            self._ledger = Ledger(self.root, info)
        header = {
            "episode": self.count,
            "stage": stage,
            "task": spec.task,
            "codec": spec.encoding.codec,
            "cameras": list(self._ledger.info.cameras),
        }
        return _Episode(self.root, self._ledger.info, header, spec.encoding)


class _Episode:
    """The episode under way."""

    def __init__(
        self, root: Path, info: Info, header: dict[str, Any], encoding: EncodingConfig
    ) -> None:
        self._info, self._sync = info, max(1, round(SYNC * info.fps))
        self._packer = Packer(info.features)
        self._keys = [f"observation.images.{camera}" for camera in info.cameras]
        self._encoders = {
            key: Encoder(key, size_of(info.features[key]), info.fps, encoding) for key in self._keys
        }
        self._levels = {key: Levels() for key in self._keys}
        self._journal = Journal(root / JOURNAL, header)
        self._last: Frame | None = None
        self._count = 0

    def add(self, frame: Frame) -> None:
        """Append a frame."""
        self._journal.add(ROW, self._packer.pack(row(frame)))
        self._look(frame.state)
        for key, levels in self._levels.items():
            levels.add(frame.state[key])
        self._last = frame
        self._count += 1
        if self._count % self._sync == 0:
            self._journal.sync()

    def end(self) -> dict[str, Any]:
        """All is there; returns the statistics of the pictures."""
        assert self._last is not None
        self._look(self._last.next_state)
        for number, key in enumerate(self._keys):
            self._note(number, self._encoders[key].flush())
        self._journal.add(END, json.dumps({}).encode())
        self._journal.sync()
        self._journal.close()
        return {key: levels.stats() for key, levels in self._levels.items()}

    def close(self) -> None:
        """Leave what there is."""
        self._journal.close()

    def _look(self, seen: Features) -> None:
        for number, key in enumerate(self._keys):
            self._note(number, self._encoders[key].add(seen[key]))

    def _note(self, camera: int, packets: list[tuple[int, bool, bytes]]) -> None:
        for number, key, content in packets:
            self._journal.add(PACKET, Packet(camera, key, number, content).pack())


class EpisodeWriter(Protocol):
    """Puts whole episodes somewhere durable."""

    def write(self, frames: Sequence[Frame], stage: str) -> None:
        """Keep one episode; returns when it is safe."""


EPISODE = "episode_{:06d}.safetensors"  # a file's name, by its number


class FolderWriter:
    """Writes ``episode_000000.safetensors``, … into ``folder``, from the number ``first`` on."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        self._folder = folder
        self._count = first

    def write(self, frames: Sequence[Frame], stage: str) -> None:
        """Write the next file; OSError if the disk refuses."""
        metadata = {"stage": stage, "success": str(any(f.success for f in frames)).lower()}
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / EPISODE.format(self._count)
        write_whole(path, save(columns(frames), metadata))
        self._count += 1


def columns(frames: Sequence[Frame]) -> dict[str, NDArray[Any]]:
    """An episode of T frames as arrays of length T, and its last observation as ``final.<key>``."""
    last = frames[-1]
    return {
        **{key: np.stack([f.state[key] for f in frames]) for key in last.state},
        **{f"final.{key}": np.ascontiguousarray(value) for key, value in last.next_state.items()},
        ACTION: np.stack([f.action for f in frames]),
        "policy_action": np.stack([f.policy_action for f in frames]),
        "sent": np.stack([f.sent for f in frames]),
        REWARD: np.array([f.reward for f in frames], np.float32),
        "next.success": np.array([f.success for f in frames]),
        DONE: np.array([f.terminated for f in frames]),
        TRUNCATED: np.array([f.truncated for f in frames]),
        f"{COMPLEMENTARY_INFO}.{IS_INTERVENTION}": np.array([f.is_intervention for f in frames]),
        f"{COMPLEMENTARY_INFO}.{DISCRETE_PENALTY}": np.array(
            [f.discrete_penalty for f in frames], np.float32
        ),
        "weights_version": np.array([f.weights_version for f in frames], np.int64),
        "stamp": np.array([f.stamp for f in frames], np.float64),
        **{f"age.{name}": np.array([f.ages[name] for f in frames]) for name in last.ages},
    }
