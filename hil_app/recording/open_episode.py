"""The open episode: its numbers and encoded images in a journal."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.dataset import EncodingConfig
from hil_app.recording.format.layout import DatasetError, Info, size_of
from hil_app.recording.format.rows import Packer, is_image, row
from hil_app.recording.format.stats import Levels, Stats
from hil_app.recording.frames import Frame
from hil_app.recording.images.video import VideoEncoder
from hil_app.recording.journal import END, NUMBER, PACKET, ROW, Journal, VideoPacket
from processors.base import Observation

SYNC = 0.5  # how much of an episode a power cut may take [s]


def encoders_of(info: Info, encoding: EncodingConfig) -> dict[str, VideoEncoder]:
    """An encoder for each camera, by column; DatasetError if there is none for its images."""
    return {
        key: VideoEncoder(key, size_of(info.features[key]), info.fps, encoding)
        for key in info.cameras.values()
    }


class OpenEpisode:
    """Takes an episode's frames, in order.

    OSError if the disk refuses, DatasetError if a frame is not like the others or an encoder dies.
    """

    def __init__(
        self, path: Path, info: Info, header: dict[str, Any], encoders: Mapping[str, VideoEncoder]
    ) -> None:
        self._info, self._synced = info, time.monotonic()
        self._packer = Packer(info.features)
        self._encoders = encoders  # by column
        self._levels = {key: Levels() for key in encoders}
        self._last: Frame | None = None
        self._count = 0
        self._journal = Journal(path, header)

    def add(self, frame: Frame) -> None:
        """Append a frame: out of this process's hands at once, and on the disk soon."""
        self._check_images(frame.observation)
        self._journal.add(ROW, NUMBER.pack(self._count) + self._packer.pack(row(frame)))
        self._look(frame.observation)
        for key, levels in self._levels.items():
            levels.add(frame.observation[key])
        self._last = frame
        self._count += 1
        if time.monotonic() - self._synced > SYNC:
            self._journal.sync()
            self._synced = time.monotonic()

    def end(self) -> dict[str, Stats]:
        """The episode is whole; returns the statistics of its images, by column."""
        assert self._last is not None
        self._check_images(self._last.next_observation)
        self._look(self._last.next_observation)
        for camera, encoder in enumerate(self._encoders.values()):
            self._note(camera, encoder.flush())
        self._journal.add(END, json.dumps({"frames": self._count}).encode())
        self._journal.sync()
        self._journal.close()
        return {key: levels.stats() for key, levels in self._levels.items()}

    def close(self) -> None:
        """Leave what there is."""
        self._journal.close()

    def remove(self) -> None:
        """Remove what there is: it is kept elsewhere, or nobody wants it."""
        self._journal.remove()

    def _check_images(self, observation: Observation) -> None:
        there = {key: value for key, value in observation.items() if is_image(key, value)}
        if odd := set(there) ^ set(self._encoders):
            raise DatasetError(f"a frame with other cameras than the dataset has: {sorted(odd)}")
        for key, image in there.items():
            shape = self._info.features[key].shape
            if image.shape != shape or image.dtype.name != "uint8":
                raise DatasetError(
                    f"{key} is {image.dtype} {list(image.shape)} in this frame, but uint8 "
                    f"{list(shape)} in the dataset"
                )

    def _look(self, observation: Observation) -> None:
        for camera, (key, encoder) in enumerate(self._encoders.items()):
            self._note(camera, encoder.add(observation[key]))

    def _note(self, camera: int, packets: list[tuple[int, bool, bytes]]) -> None:
        for number, key, content in packets:
            self._journal.add(PACKET, VideoPacket(camera, key, number, content).pack())
