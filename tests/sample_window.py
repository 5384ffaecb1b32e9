"""What an operator's window shows, for the tests of who shows it and who sees it."""

from __future__ import annotations

from configs.manual import KeyboardConfig
from robots.base import U8
from teleop.keyboard import key_help
from teleop.window.shown import Shown

KEYS = key_help(KeyboardConfig(), wrist=False)
FACTS = {
    "episode": "34",
    "tick": "58 of 300",
    "time": "1.9 s",
    "success, last 20": "65 %",
    "operator acts": "22 %",
    "rate": "30.0 Hz",
    "late, p99": "0.4 ms",
    "weights": "version 412",
}


def shown(images: dict[str, U8], help_wanted: bool = False) -> Shown:
    return Shown(
        "YOU",
        "you",
        images,
        title="so101_sim: train",
        facts=FACTS,
        message="You have the arm: let go of left Shift to hand it back",
        help_wanted=help_wanted,
    )
