"""What may crash a whole process, tried in one of its own.

``import MODULE ...`` loads modules, ``torch DEVICE`` computes, ``draw`` draws, ``gamepads`` finds
the gamepads, ``gamepad CONFIG`` uses one. Every answer is a line of JSON on stdout, so that a
crash shows how far it came.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from configs.text.reading import parse_json
from robots import isolated


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """What a probe answered before it ended."""

    answers: list[dict[str, Any]]
    crash: str | None  # how it ended, if not well


def probe(*words: str, patience_s: float = 60.0) -> ProbeOutcome:
    """Run a probe."""
    command, environment = isolated.command(__name__, *words), isolated.environment()
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=patience_s, env=environment
        )
    except subprocess.TimeoutExpired:
        return ProbeOutcome([], f"no end within {patience_s:g} s")
    answers = [parse_json(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    return ProbeOutcome(answers, _how_it_ended(ended.returncode, ended.stderr))


def _how_it_ended(status: int, stderr: str) -> str | None:
    if status == 0:
        return None
    if status < 0:
        return f"it was killed by signal {-status}"
    last = stderr.strip().splitlines()[-1:] or [f"exit status {status}"]
    return last[0]


def _import(modules: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in modules:
        try:
            import_module(name)
        except Exception as error:  # broken packages raise all kinds of errors
            yield {"module": name, "error": f"{type(error).__name__}: {error}"}
        else:
            yield {"module": name}


def _torch(device: str) -> Iterator[dict[str, Any]]:
    import torch

    cuda = torch.cuda.is_available()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    yield {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "gpus": gpus if cuda else [],
    }
    try:
        torch.zeros(1, device=device).add_(1)
    except (RuntimeError, AssertionError, ValueError) as error:
        yield {"error": " ".join(str(error).splitlines()[0].split())}


def _draw() -> Iterator[dict[str, Any]]:
    import time

    from robots.arm import ARMS
    from robots.twin.renderer import Renderer
    from robots.twin.world import World

    arm = ARMS["so101"]
    world = World(arm, "reach", period=0.1)
    world.reset(arm.zero, seed=0)
    renderer = Renderer(world.model, 64, 64, fine=False)
    renderer.paint(world.data, "front")
    began = time.perf_counter()
    image = renderer.paint(world.data, "front")
    took = 1000 * (time.perf_counter() - began)  # [ms]
    yield {"ms": took, "contrast": float(image.std()), "renderer": _renderer()}
    renderer.close()


def _renderer() -> str:
    """Who draws, as OpenGL says."""
    gl = import_module("OpenGL.GL")  # after the renderer has chosen its platform
    return str(gl.glGetString(gl.GL_RENDERER).decode())


def _gamepads() -> Iterator[dict[str, Any]]:
    from teleop.base import TeleopError

    for look in (_of_sdl, _of_hid):
        try:
            yield from look()
        except TeleopError as error:
            yield {"error": str(error)}


def _of_sdl() -> Iterator[dict[str, Any]]:
    from teleop.gamepad.plugged import connected, unreadable
    from teleop.gamepad.sdl import gamepads

    with gamepads():
        found = connected()
    for name, node in unreadable():
        yield {"unreadable": name, "node": str(node)}
    for pad in found:
        if pad.known or pad.teachable:
            yield {"pad": pad.name, "known": pad.known}
        else:
            yield {"joystick": pad.name, "sizes": pad.sizes}


def _of_hid() -> Iterator[dict[str, Any]]:
    from teleop.gamepad.hid import connected, load

    for pad in connected(load()):
        if pad.layout is not None:
            yield {"hid": f"{pad.name} ({pad.ids})", "rule": None if pad.permitted else pad.rule}


def _gamepad(content: str) -> Iterator[dict[str, Any]]:
    import configs.run  # noqa: F401 - registers all of ours
    from configs import plugins
    from configs.teleop import TELEOPS
    from hil_app.build import devices
    from teleop.base import TeleopError

    plugins.load()
    manual = TELEOPS.validate(parse_json(content)).manual
    assert manual is not None
    try:
        with devices.device(manual, None) as device:
            yield {"name": device.name}
    except TeleopError as error:
        yield {"error": str(error)}


def _main(what: str, words: Sequence[str]) -> None:
    answers: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "import": lambda: _import(words),
        "torch": lambda: _torch(words[0]),
        "draw": _draw,
        "gamepads": _gamepads,
        "gamepad": lambda: _gamepad(words[0]),
    }
    for answer in answers[what]():
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    _main(sys.argv[1], sys.argv[2:])
