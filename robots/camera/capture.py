"""From a camera's config to its images: devices, streams, video files and folders of images."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from configs.camera import OpenCVCameraConfig
from configs.text.paths import typed
from configs.text.reading import shown
from robots.base import U8, CameraError
from robots.camera.opencv import load_opencv

SYSTEM = Path("/sys/class/video4linux")
IMAGES = (".png", ".jpg", ".jpeg")
_JPEG_BEGINS, _JPEG_ENDS = b"\xff\xd8", b"\xff\xd9"
_PADDING = 64  # bytes that may stand behind a JPEG's end
TIMEOUT = 2000  # a stream that does not open, or sends nothing, for so long is given up [ms]

Sleep = Callable[[float], object]  # returns after so many seconds, or sooner if all is to end
Raw = Any  # an image as the device gives it: (H, W, 3) uint8


@dataclass(frozen=True, slots=True)
class Shot:
    """An image, and when it was taken."""

    image: U8  # (H, W, 3) RGB, read-only
    stamp: float  # time.monotonic() [s]


def shots(
    name: str, config: OpenCVCameraConfig, sleep: Sleep = time.sleep
) -> Generator[Shot, None, None]:
    """Every image of the camera ``name`` as it comes; close the generator to release the camera.

    Files and folders are played at ``config.fps``, again and again. Raises CameraError where the
    camera cannot be opened, gives no more images, or gives others than the config says; the
    message goes on from the camera's name.
    """
    source = _Source(load_opencv("a camera"), name, config)
    path = Path(str(config.index_or_path))
    if path.is_dir():
        raw = _paced(source.folder(path), config.fps, sleep)
    elif is_played(config.index_or_path):
        raw = _paced(source.video(path), config.fps, sleep)
    else:
        raw = source.live()
    with closing(raw):
        for image, stamp in raw:
            yield Shot(source.finished(image), stamp)


def is_address(source: int | str) -> bool:
    """Whether ``source`` is the address of a stream."""
    return isinstance(source, str) and "://" in source


def is_played(source: int | str) -> bool:
    """Whether ``source`` is a video file or a folder of images."""
    path = Path(str(source))
    return path.is_file() or path.is_dir()


def open_capture(cv2: Any, source: int | str) -> Any:
    """An open cv2.VideoCapture of a device, a stream or a video file; CameraError if none opens."""
    if is_address(source):
        limits = (cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC)
        options = [value for limit in limits for value in (limit, TIMEOUT)]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, options)
    elif Path(str(source)).is_file():
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
    else:
        capture = cv2.VideoCapture(source, cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)
    if not capture.isOpened():
        capture.release()
        raise CameraError(f"does not open: {_why_closed(source)}")
    return capture


def pixel_format(cv2: Any, capture: Any) -> str | None:
    """The four letters of the pixel format that an open capture gives, if it says."""
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little").decode("latin-1") if code > 0 else None


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in the order of their names."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGES)


def read_image(cv2: Any, file: Path) -> Raw | None:
    """The image in a file, (H, W, 3) BGR, of more than 8 bits if the file is; None if damaged."""
    try:
        return cv2.imread(str(file), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # it says that it is larger than any image may be
        return None


def check_colours(image: Raw) -> None:
    """Raise CameraError if an image is one of depths."""
    if image.dtype != np.uint8:
        raise CameraError(f"gives numbers of type {image.dtype}, such as depths, no colours")


def video_devices() -> dict[str, str]:
    """Name of each camera that Linux has, by its path; further devices of one camera are no more.

    Most cameras have a second device, which gives no images.
    """
    names = {}
    for folder in sorted(SYSTEM.glob("video*"), key=lambda one: (len(one.name), one.name)):
        with suppress(OSError):  # it is gone again
            if (folder / "index").read_text().strip() == "0":
                name = (folder / "name").read_text(errors="replace").strip()
                names[f"/dev/{folder.name}"] = shown(name)
    return names


def device_of(source: int | str) -> str | None:
    """The device that ``source`` means, by whatever name; None for streams, files and folders."""
    path = f"/dev/video{source}" if isinstance(source, int) else source
    if is_address(source) or is_played(path):
        return None
    return os.path.realpath(path)


class Live:
    """The images of an open capture of a device or stream, each of the size that it has.

    OpenCV squeezes the images of a stream that changes its size into the size it began with, so
    JPEGs are taken as they come, and decoded here.
    """

    def __init__(self, cv2: Any, capture: Any, source: int | str) -> None:
        self._cv2, self._capture = cv2, capture
        jpeg = is_address(source) and pixel_format(cv2, capture) == "MJPG"
        self._jpeg = jpeg and bool(capture.set(cv2.CAP_PROP_FORMAT, -1))

    def __iter__(self) -> Iterator[tuple[Raw, float]]:
        """Each whole image and when it arrived [s], until there are no more."""
        while self._capture.grab():
            stamp = time.monotonic()
            image = self._image()
            if image is not None:
                yield image, stamp

    def _image(self) -> Raw | None:
        """The image that was grabbed; None if it is none, whatever else it is."""
        try:
            image = self._capture.retrieve()[1]
            if image is None or not self._jpeg:
                return image
            return self._decoded(image.tobytes())
        except self._cv2.error:
            return None

    def _decoded(self, jpeg: bytes) -> Raw | None:
        """The image, as it was sent, unless it is cut short."""
        if not jpeg.startswith(_JPEG_BEGINS) or _JPEG_ENDS not in jpeg[-_PADDING:]:
            return None
        content = np.frombuffer(jpeg, np.uint8)
        flags = self._cv2.IMREAD_COLOR | self._cv2.IMREAD_IGNORE_ORIENTATION
        return self._cv2.imdecode(content, flags)


@dataclass(frozen=True)
class _Source:
    """One camera's images, checked against its config."""

    cv2: Any
    name: str
    config: OpenCVCameraConfig

    def live(self) -> Generator[tuple[Raw, float], None, None]:
        """Images of a device or stream, and when each arrived [s]."""
        source = self.config.index_or_path
        with released(open_capture(self.cv2, source)) as capture:
            if not is_address(source):
                self._ask(capture)
            self._check_format(pixel_format(self.cv2, capture))
            yield from Live(self.cv2, capture, source)
        raise CameraError(f"gives no images: {_why_silent(source)}")

    def video(self, path: Path) -> Generator[Raw, None, None]:
        """The images of a video file, again and again."""
        while True:
            played = 0
            with released(open_capture(self.cv2, str(path))) as capture:
                self._check_format(pixel_format(self.cv2, capture))
                while (read := capture.read())[0]:
                    played += 1
                    yield read[1]
            if not played:
                raise CameraError("holds no image: is it a whole video file?")

    def folder(self, path: Path) -> Generator[Raw, None, None]:
        """The images of a folder, again and again."""
        try:
            files = image_files(path)
        except OSError as error:
            raise CameraError(f"cannot be read: {error.strerror}") from None
        if not files:
            raise CameraError(f"is a folder without images ({', '.join(IMAGES)})")
        self._check_format("images in files")
        while True:
            for file in files:
                image = read_image(self.cv2, file)
                if image is None:
                    raise CameraError(f"holds {file.name}, which is not a whole image")
                yield image

    def finished(self, image: Raw) -> U8:
        """The image as RGB (H, W, 3), turned; CameraError if its size is another."""
        self._check_size(*image.shape[1::-1])
        image = self._coloured(image)
        if self.config.channels == "bgr":
            image = self.cv2.cvtColor(image, self.cv2.COLOR_BGR2RGB)
        if self.config.rotation:
            turns = ("ROTATE_90_CLOCKWISE", "ROTATE_180", "ROTATE_90_COUNTERCLOCKWISE")
            turn = turns[self.config.rotation // 90 - 1]
            image = self.cv2.rotate(image, getattr(self.cv2, turn))
        image.setflags(write=False)
        rgb: U8 = image
        return rgb

    def _coloured(self, image: Raw) -> Raw:
        """The image with three channels, those of grey ones all alike; CameraError for depth."""
        check_colours(image)
        if image.ndim == 2 or image.shape[2] == 1:
            return self.cv2.cvtColor(image, self.cv2.COLOR_GRAY2BGR)
        if image.shape[2] == 4:
            return self.cv2.cvtColor(image, self.cv2.COLOR_BGRA2BGR)
        return image

    def _ask(self, capture: Any) -> None:
        """Ask a device for what the config says."""
        if self.config.fourcc is not None:  # first: which sizes there are depends on it
            capture.set(self.cv2.CAP_PROP_FOURCC, self.cv2.VideoWriter.fourcc(*self.config.fourcc))
        capture.set(self.cv2.CAP_PROP_FRAME_WIDTH, self.config.width)
        capture.set(self.cv2.CAP_PROP_FRAME_HEIGHT, self.config.height)
        capture.set(self.cv2.CAP_PROP_FPS, self.config.fps)
        capture.set(self.cv2.CAP_PROP_BUFFERSIZE, 1)  # no old images wait in the driver

    def _check_size(self, width: int, height: int) -> None:
        wanted = (self.config.width, self.config.height)
        if (width, height) != wanted:
            turned = "turn it back, or " if (height, width) == wanted else ""
            raise CameraError(
                f"gives {width}x{height} images, not {wanted[0]}x{wanted[1]}: {turned}set "
                f"{self._option('width')}={width} and {self._option('height')}={height}"
            )

    def _check_format(self, given: str | None) -> None:
        wanted = self.config.fourcc
        if wanted is not None and given is not None and given != wanted:
            raise CameraError(f"gives {given}, not {wanted}: set {self._option('fourcc')}=null")

    def _option(self, key: str) -> str:
        return f"--{typed(f'robot.cameras.{self.name}.{key}')}"


def _paced(
    images: Generator[Raw, None, None], fps: float, sleep: Sleep
) -> Generator[tuple[Raw, float], None, None]:
    """The images at ``fps``, each with the time at which it was due [s]."""
    due = time.monotonic()
    with closing(images):
        for image in images:
            late = time.monotonic() - due
            if late < 0:
                sleep(-late)
            elif late > 1 / fps:  # after a pause: go on from here, do not hurry
                due += late
            yield image, due
            due += 1 / fps


@contextmanager
def released(capture: Any) -> Iterator[Any]:
    """The open cv2.VideoCapture, given back at the end."""
    try:
        yield capture
    finally:
        capture.release()


def _why_closed(source: int | str) -> str:
    """What is in the way of opening ``source``, and what to do."""
    path = f"/dev/video{source}" if isinstance(source, int) else source
    if is_address(source):
        return "check the address, and that its server runs and can be reached"
    if Path(path).is_file():
        return "it is not a video file that OpenCV can read"
    if sys.platform != "linux":
        return "check the USB plug and, with `hil-app find-cameras`, its number"
    if not Path(path).exists():
        known = ", ".join(f"{path} ({name})" for path, name in video_devices().items())
        there = f"devices: {known}" if known else "no camera is connected, check the USB plug"
        return f"there is no {path}; {there}"
    if not os.access(path, os.R_OK | os.W_OK):
        return "you may not use it; run `sudo usermod -aG video $USER` and log in again"
    return (
        f"close the program that uses it (`fuser -v {typed(path)}` names it), or plug it in again"
    )


def _why_silent(source: int | str) -> str:
    """What may keep an open device or stream from giving images."""
    if is_address(source):
        return "check that its server runs"
    return (
        "check the plug; cameras that share a USB hub may need fourcc=MJPG, a smaller size or "
        "a port of their own"
    )
