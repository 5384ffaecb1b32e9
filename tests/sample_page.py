"""What a page's process says of a run that is made up: facts, a state, curves, episodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from robots.arm import ARMS

ARM = ARMS["so101"]
KEYS = {
    "ArrowUp": "forward",
    "ArrowDown": "back",
    "ArrowLeft": "left",
    "ArrowRight": "right",
    "KeyE": "up",
    "KeyD": "down",
    "ShiftLeft": "take over (hold)",
    "ControlLeft": "slow (hold)",
    "KeyO": "open gripper",
    "KeyC": "close gripper",
    "KeyG": "toggle gripper",
    "KeyS": "success",
    "KeyF": "failure",
    "KeyR": "record again",
    "KeyP": "pause",
    "KeyQ": "stop the run",
    "Space": "emergency stop",
}
MAPPING = {
    "left stick up": "forward",
    "left stick down": "back",
    "left stick left": "left",
    "left stick right": "right",
    "right stick up": "up",
    "right stick down": "down",
    "LT": "close gripper",
    "RT": "open gripper",
    "LB": "slow (hold)",
    "Start": "pause",
    "RB": "take over (hold)",
    "A": "success",
    "B": "failure",
    "X": "record again",
    "Back": "stop the run",
    "Y": "emergency stop",
}
HELLO: dict[str, Any] = {
    "type": "hello",
    "id": "",
    "run": {
        "name": "demo-1",
        "command": "demo",
        "task": "pick_lift",
        "robot": "so101_sim",
        "fps": 30,
        "teleop": "page",
        "cameras": [{"name": name, "width": 320, "height": 240} for name in ("front", "wrist")],
        "joints": list(ARM.names),
        "limits": ARM.limits.tolist(),
        "units": ["deg"] * 5 + ["%"],
        "bounds": {"min": [0.14, -0.12, 0.01], "max": [0.34, 0.12, 0.2]},
        "urdf": "/robot/so101.urdf",
        "urdf_joints": {"zero": list(ARM.zero), "scale": list(ARM.scale)},
    },
    "mapping": MAPPING,
    "keys": KEYS,
    "dead_man_ms": 150,
}
STATE: dict[str, Any] = {
    "type": "state",
    "t": 60.0,
    "who": "POLICY",
    "mood": "policy",
    "stage": {
        "name": "train",
        "title": "The policy acts and learns; you take over when it errs",
        "done": 2310,
        "goal": 4000,
        "unit": "ticks",
        "seconds": 187.0,
        "left": 137.0,
        "ticks": 2310,
        "episode": 31,
        "episode_ticks": 42,
        "reset_left": None,
    },
    "joints": [8.0, 10.0, 20.0, 62.0, 2.0, 60.0],
    "target": [14.0, 18.0, 14.0, 60.0, 2.0, 20.0],
    "tip": [0.24, 0.01, 0.09],
    "object": [0.26, 0.03, 0.012],
    "loads": [3.0, -22.0, 31.0, 12.0, 1.0, 74.0],
    "temperatures": [34.0, 41.0, 43.0, 38.0, 33.0, 61.0],
    "help": False,
    "classifier": 0.18,
    "lateness": {"p50": 0.12, "p99": 1.4, "max": 6.2},
    "learner": {
        "updates": 18450,
        "updates_per_second": 97.0,
        "version": 612,
        "online": 2310,
        "offline": 1220,
    },
    "controls": {"holder": None, "yours": False, "viewers": 1},
    "ages": {"camera": 21.0},
}


def curves() -> dict[str, list[list[float]]]:
    """Curves as of a run that learns."""
    ticks = range(50, 2310, 50)
    noise = np.random.default_rng(0).normal(size=(len(ticks), 4))

    def rise(tick: float) -> float:
        return 1 / (1 + math.exp(-(tick - 1100) / 260))

    shape: dict[str, Callable[[float, float], float]] = {
        "success_recent": lambda tick, _: round(20 * rise(tick)) / 20,
        "interventions": lambda tick, wave: max(0.0, 0.7 * (1 - rise(tick)) + 0.04 * wave),
        "return": lambda tick, wave: rise(tick) + 0.1 * wave,
        "loss_critic": lambda tick, wave: 0.02 + 0.1 * math.exp(-tick / 500) * (1 + 0.2 * wave),
        "loss_actor": lambda tick, wave: -0.9 * rise(tick) + 0.05 * wave,
        "loss_discrete_critic": lambda tick, wave: 0.01 + 0.03 * math.exp(-tick / 700) * (1 + wave),
        "temperature": lambda tick, _: 0.01 + 0.09 * math.exp(-tick / 600),
        "q_mean": lambda tick, wave: 0.9 * rise(tick) + 0.03 * wave,
        "q_spread": lambda tick, wave: 0.2 * math.exp(-tick / 800) + abs(0.02 * wave),
        "updates_per_second": lambda _, wave: 96 + 4 * wave,
        "lateness_p99": lambda _, wave: 1.2 + abs(0.5 * wave),
    }
    drawn = {
        name: [[tick, form(tick, wave[0])] for tick, wave in zip(ticks, noise, strict=True)]
        for name, form in shape.items()
    }
    drawn["success_alone"] = [[tick, round(20 * rise(tick)) / 20] for tick in range(500, 2310, 500)]
    return drawn


def episodes() -> list[dict[str, Any]]:
    """Thirty of them, the first of which needed help."""
    return [
        {
            "number": number,
            "stage": "train",
            "ticks": 120 - 2 * number,
            "success": number % 5 != 0 or number > 20,
            "rerecord": number == 7,
            "intervention_ticks": max(0, 80 - 5 * number),
            "reward": 1.0 if number % 5 else 0.0,
        }
        for number in range(1, 31)
    ]
