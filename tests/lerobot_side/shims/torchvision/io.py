"""A video reader as torchvision's is with its PyAV backend, which lerobot reads videos with."""

from collections.abc import Iterator
from typing import Any, Self

import av
import torch


class VideoReader:
    """Yields ``{"data": uint8 (3, H, W), "pts": seconds}`` from where :meth:`seek` went."""

    def __init__(self, path: str, stream: str = "video") -> None:
        self.container = av.open(path)
        self._stream = self.container.streams.get({stream: 0})[0]
        self._frames: Iterator[Any] = self.container.decode(self._stream)

    def seek(self, time_s: float, keyframes_only: bool = False) -> Self:
        """Go to the last key frame that is not after ``time_s`` [s]."""
        assert keyframes_only, "PyAV seeks key frames"
        offset = round(max(time_s, 0.0) / self._stream.time_base)
        self.container.seek(offset, backward=True, any_frame=False, stream=self._stream)
        self._frames = self.container.decode(self._stream)
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, Any]:
        frame = next(self._frames)
        data = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
        return {"data": data, "pts": float(frame.pts * frame.time_base)}
