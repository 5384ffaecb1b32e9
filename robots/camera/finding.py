"""Which cameras there are, and what each gives if it is asked for nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.base import number
from configs.camera import LARGEST, SMALLEST
from robots.base import U8, CameraError
from robots.camera.capture import (
    Live,
    check_colours,
    image_files,
    open_capture,
    pixel_format,
    read_image,
    released,
    video_devices,
)
from robots.camera.opencv import load_opencv

NUMBERS = 10  # that are tried where the system does not list its cameras
LOOK = 1.0  # how long a camera is watched, to measure its rate [s]


@dataclass(frozen=True, slots=True)
class CameraView:
    """What a camera gives."""

    image: U8  # (H, W, 3) BGR
    fps: float | None  # [images/s]; None for a folder, which has none of its own
    fourcc: str | None


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """A camera, or what one could be."""

    source: int | str  # as index_or_path takes it
    name: str
    view: CameraView | None
    problem: str  # why there is no view


def cameras(also: Sequence[str] = ()) -> Iterator[FoundCamera]:
    """Look at every camera of this computer, and at what ``also`` has: anything that a config may.

    Raises RobotError if OpenCV does not load.
    """
    cv2 = load_opencv("find-cameras")
    listed = sys.platform == "linux"
    if listed:
        numbered = {int(path.removeprefix("/dev/video")): n for path, n in video_devices().items()}
    else:
        numbered = dict.fromkeys(range(NUMBERS), "")
    for index, name in numbered.items():
        found = _look_at(cv2, index, name)
        if listed or found.view is not None:
            yield found
    for source in map(_as_in_configs, also):
        yield _look_at(cv2, source, "")


def _as_in_configs(source: str) -> int | str:
    """What a config makes of ``source``: its number, if it is one."""
    return int(found) if isinstance(found := number(source), int) else source


def _look_at(cv2: Any, source: int | str, name: str) -> FoundCamera:
    try:
        return FoundCamera(source, name, _view(cv2, source), "")
    except (CameraError, OSError, cv2.error) as error:
        return FoundCamera(source, name, None, " ".join(str(error).split()))


def _view(cv2: Any, source: int | str) -> CameraView:
    """What ``source`` gives; CameraError if it gives no image."""
    path = Path(str(source))
    if path.is_dir():
        files = image_files(path)
        image = read_image(cv2, files[0]) if files else None
        return CameraView(_seen(image), None, None)
    with released(open_capture(cv2, source)) as capture:
        fourcc = pixel_format(cv2, capture)
        if path.is_file():
            return CameraView(_seen(capture.read()[1]), capture.get(cv2.CAP_PROP_FPS), fourcc)
        image, fps = _watched(Live(cv2, capture, source))
        return CameraView(_seen(image), fps, fourcc)


def _watched(live: Live) -> tuple[Any, float | None]:
    """The last image of ``LOOK`` seconds, when the light is measured, and the rate it had.

    Raises CameraError if its size changes meanwhile.
    """
    began = time.monotonic()
    image, stamps = None, [began]
    for newest, stamp in live:
        if image is not None and newest.shape != image.shape:
            raise CameraError(f"changes its size from {_size(image)} to {_size(newest)}")
        image = newest
        stamps.append(stamp)
        if stamp - began >= LOOK:
            break
    late = stamps[len(stamps) // 2 :]  # cameras start slowly
    if len(late) < 2:
        return image, None
    return image, (len(late) - 1) / (late[-1] - late[0])


def _size(image: Any) -> str:
    height, width = image.shape[:2]
    return f"{width}x{height}"


def _seen(image: Any) -> U8:
    if image is None:
        raise CameraError("gives no image")
    check_colours(image)
    if not all(SMALLEST <= pixels <= LARGEST for pixels in image.shape[:2]):
        limits = f"{SMALLEST}x{SMALLEST} to {LARGEST}x{LARGEST}"
        raise CameraError(f"gives {_size(image)} images; those of {limits} can be used")
    seen: U8 = image
    return seen
