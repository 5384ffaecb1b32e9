"""A camera beside the arm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from configs.base import Config, number
from configs.text.paths import UserText

CameraName = Annotated[str, Field(pattern=r"^\w[\w .-]*$", max_length=60)]
"""What a camera is called, in options, columns and file names."""


def _device(value: object) -> object:
    """A number, or text; anything else is refused here, in words that fit both."""
    value = number(value)
    if (isinstance(value, str) and value) or (type(value) is int and value in range(10_000)):
        return value
    raise ValueError("the number of a device (0, 1, …), a path or an address is expected")


CameraDevice = Annotated[int | UserText, BeforeValidator(_device)]


SMALLEST, LARGEST = 16, 4096
"""Width or height of an image [px]."""
FASTEST = 240.0
"""Most images a second."""


class OpenCVCameraConfig(Config):
    """Anything that OpenCV opens: a camera, a stream, a video file or a folder of images."""

    type: Literal["opencv"] = "opencv"
    """The camera's kind."""
    index_or_path: CameraDevice = 0
    """Number of the device, its path (/dev/video0), the address of a stream, a video file, or a
    folder of images; `hil-app find-cameras` lists the devices."""
    width: int = Field(640, ge=SMALLEST, le=LARGEST)
    """Image width, before rotation [px]."""
    height: int = Field(480, ge=SMALLEST, le=LARGEST)
    """Image height, before rotation [px]."""
    fps: float = Field(30.0, gt=0, le=FASTEST)
    """Images a second that the camera is asked for; a file is played at this rate."""
    fourcc: str | None = Field(None, pattern=r"^[ -~]{4}$")
    """Pixel format that the camera is asked for, such as MJPG, in four letters; null leaves it."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Clockwise turn of every image [deg]."""
    channels: Literal["bgr", "rgb"] = "bgr"
    """Order of the colours as the device gives them; OpenCV says bgr, rgb is for devices that have
    red and blue the other way round."""
    max_age_s: float = Field(0.5, gt=0, le=10)
    """Age from which the newest image counts as stale, which is reported at once [s]."""
    patience_s: float = Field(5.0, ge=0, le=600)
    """How long a stale camera may take to come back before the run ends [s]."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its images, after rotation [px]."""
        upright = self.rotation in (0, 180)
        return (self.height, self.width) if upright else (self.width, self.height)
