"""Images to an H.264 video."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.stream import VideoStream

from configs.text.writing import new_file
from robots.base import U8

PAUSE = 0.6  # how long the last image of an episode stays [s]


class VideoWriter:
    """An mp4 of RGB images (height, width, 3) at ``fps``; both sides must be even.

    The file is there once the block ends without an error; OSError if the disk refuses.
    """

    def __init__(self, path: Path, fps: float, height: int, width: int) -> None:
        self._path, self._fps, self._size = path, fps, (height, width)
        self._last: U8 | None = None

    def __enter__(self) -> Self:
        self._whole = new_file(self._path)
        self._file = av.open(self._whole.__enter__(), "w", format="mp4")
        stream = self._file.add_stream("libx264", rate=Fraction(self._fps).limit_denominator(1000))
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = self._size
        stream.pix_fmt = "yuv420p"
        self._stream = stream
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._file:
                if error is None:
                    self._file.mux(self._stream.encode(None))
        except BaseException:
            self._whole.__exit__(*sys.exc_info())
            raise
        self._whole.__exit__(kind, error, trace)

    def add(self, image: U8) -> None:
        """Append one image."""
        self._last = image
        self._file.mux(self._stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))

    def hold(self) -> None:
        """Let the last image stay for a moment."""
        if self._last is not None:
            for _ in range(round(PAUSE * self._fps)):
                self.add(self._last)
