"""A task of the simulated arms whose things a MuJoCo file describes: tip a domino over."""

from pathlib import Path
from typing import Literal

from configs.task import TASKS, TaskConfig


@TASKS.register("domino.task:Domino")
class DominoConfig(TaskConfig):
    """Tip the domino over."""

    label = "Tip the domino over"
    operator = "teleop.oracles.reach:ReachOracle"  # straight to its middle is all it takes

    type: Literal["domino"] = "domino"
    """The task's name."""


SCENE = Path(__file__).with_name("domino.xml")
