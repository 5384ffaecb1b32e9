"""OpenCV, loaded only by those who need it, and quiet."""

from __future__ import annotations

import os
from typing import Any

from configs.camera import LARGEST
from robots.base import RobotError

# Read by OpenCV when it loads or first opens a device; what the user has set there stays.
_ENVIRONMENT = {
    "OPENCV_LOG_LEVEL": "OFF",  # our errors say what is wrong
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(LARGEST**2),  # a few bytes may say that they are more
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "3",  # a device that gives nothing is given up [s]
}


def load_opencv(user: str) -> Any:
    """The module cv2; RobotError, naming the ``user`` that needs it, if it does not load."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import cv2
    except ImportError as error:
        raise RobotError(
            f"{user} needs OpenCV, which does not load ({error}); on "
            "Debian/Ubuntu: sudo apt install libgl1 libglib2.0-0"
        ) from error
    return cv2
