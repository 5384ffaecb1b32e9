"""What the operator's window shows, and how it gets there: a line of JSON, then the images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

import cv2
import numpy as np

from configs.text.reading import parse_json
from robots.base import U8

Mood = Literal["you", "policy", "paused", "alarm"]
KeyHelp = Mapping[str, tuple[str, ...]]
"""The keys (names of ``configs.manual.KEYS``) by what they do."""

_ACROSS = 960  # pixels that all images together have at most, side by side
_LEAST = 320  # longest side of an image that stays as it is, however many there are


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the window shows at one instant. The images must not change any more."""

    state: str  # one word, in big letters
    mood: Mood  # its colour
    images: Mapping[str, U8] = field(default_factory=dict)  # (H, W, 3) RGB by camera
    title: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)  # value by label
    message: str = ""
    help_wanted: bool = False


def pack(shown: Shown) -> list[bytes | memoryview]:
    """What goes over the wire, one part after the other; large images are scaled down."""
    longest = max(_LEAST, _ACROSS // max(1, len(shown.images)))
    images = {name: shrunk(image, longest) for name, image in shown.images.items()}
    head = {
        "state": shown.state,
        "mood": shown.mood,
        "images": {name: image.shape[:2] for name, image in images.items()},
        "title": shown.title,
        "facts": dict(shown.facts),
        "message": shown.message,
        "help_wanted": shown.help_wanted,
    }
    return [json.dumps(head).encode() + b"\n", *(image.data for image in images.values())]


def unpack(stream: BinaryIO) -> Shown | None:
    """The next of what :func:`pack` made; None when the other end is closed."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    head = parse_json(line)
    images: dict[str, U8] = {}
    for name, (height, width) in head.pop("images").items():
        data = stream.read(height * width * 3)
        if len(data) < height * width * 3:
            return None
        images[name] = np.frombuffer(data, np.uint8).reshape(height, width, 3)
    return Shown(images=images, **head)


def shrunk(image: U8, longest: int) -> U8:
    """The image (H, W, 3) with neither side over ``longest`` pixels, contiguous in memory."""
    height, width = image.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled: U8 = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return scaled
