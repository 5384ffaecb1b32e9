"""The operator's window as it looks in a run of the twin; ``python tests/sample_window.py OUT.png``
draws the README's picture of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pygame

from configs.manual import KeyboardConfig
from robots.base import U8
from teleop.keyboard import key_help
from teleop.window.drawing import View, render
from teleop.window.shown import Shown

KEYS = key_help(KeyboardConfig(), wrist=False)
FACTS = {
    "episode": "34",
    "tick": "58 of 300",
    "time": "1.9 s",
    "success, last 20": "65 %",
    "person acts": "22 %",
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


def twin_pictures() -> dict[str, U8]:
    """What the twin's cameras see while the gripper goes down to the cube."""
    from configs.robot import SO101SimConfig
    from robots.sim import SimRobot

    with SimRobot(SO101SimConfig(), fps=30) as robot:
        robot.reset(seed=3)
        target = robot.read().joints + np.array([6, 12, 4, 0, 0, 45], np.float32)
        for _ in range(30):
            robot.command(target)
        return {view: robot.render(view, 360, 480) for view in ("front", "wrist")}


def draw_picture(path: Path) -> None:
    pygame.font.init()
    view = View(KEYS, frozenset({"leftshift", "up", "c"}))
    pygame.image.save(render(shown(twin_pictures()), view, (900, 660)), path)


if __name__ == "__main__":
    draw_picture(Path(sys.argv[1]))
