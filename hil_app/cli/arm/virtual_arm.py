"""``hil-app virtual-arm``: an arm that is not there, on a serial port that is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from configs.load import ConfigError, read, validate
from configs.options.parser import Parser
from configs.robot import SimCameraConfig
from configs.text.paths import expanded
from hil_app.control.signals import StopRequest
from robots.arm import ARMS, Arm
from robots.base import F32
from robots.safety.urgent import LOOP, urgent

DESCRIPTION = """\
An SO100 or SO101 that is not there, on a serial port that is: six servos which speak the wire
protocol, moved by the simulated world, for --robot.port of every command. Ctrl-C ends it.

hil-app virtual-arm set PORT [name=value ...] makes things go wrong while it runs, for example
drop=0.1 or errors='{gripper: 32}'; without one it shows all settings. hil-app virtual-arm move PORT
joint=value moves it as a hand does, and hil-app virtual-arm sweep PORT takes it to all of its ends.
"""
_WORLD, _CAMERA_PORT, _CAMERA_FPS = "sim_pick_lift_pixels", 8700, 15.0


@dataclass(frozen=True)
class _Place:
    """Where the arm stands."""

    arm: Arm
    task: str  # "none" without a world
    cameras: Mapping[str, SimCameraConfig]


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _options(argv)
    with StopRequest() as stop, ExitStack() as stack:
        _serve(options, _place(options), stop, stack)
    return 0


def _serve(
    options: argparse.Namespace, place: _Place, stop: Callable[[], bool], stack: ExitStack
) -> None:
    import numpy as np

    from robots.virtual.mount import REST_POSE, Mount
    from robots.virtual.port import Port
    from robots.virtual.server import PERIOD, Clock, Server
    from robots.virtual.servos.chain import Chain

    mount, pose = Mount(place.arm), np.array(REST_POSE, np.float32)
    contents, save = _eeprom(options, mount)
    chain = Chain(contents, mount.shaft(pose).tolist())
    motors, streams = _motors(options, place, mount, pose, PERIOD, stack)
    port = Port(options.link)
    stack.callback(port.close)
    server = Server(chain, motors, port, partial(save, chain), Clock())
    stack.callback(server.close)
    if options.latency_ms:
        server.turn({"latency_ms": options.latency_ms})
    print(_ready(options, place, server.port, streams), flush=True)
    with urgent(LOOP):  # real motors wait for no other program
        server.run(stop)


def _place(options: argparse.Namespace) -> _Place:
    """The arm, its task and its cameras, as --world and --arm say."""
    if options.world == "none":
        return _Place(ARMS[options.arm or "so101"], "none", {})
    try:
        robot = validate(read(options.world)).robot
    except ConfigError as error:
        raise ConfigError(str(error).replace("--config_path", "--world")) from None
    if robot.twin is None:
        raise ConfigError(
            f"--world: {options.world} has robot.type {robot.type}, which is not simulated; "
            f"so100_sim and so101_sim are, or take --world=none"
        )
    kind = options.arm or robot.type.removesuffix("_sim")
    size = options.camera_size or {}
    cameras = {name: camera.model_copy(update=size) for name, camera in robot.twin.cameras.items()}
    return _Place(ARMS[kind], robot.twin.task.type, cameras)


def _motors(
    options: argparse.Namespace,
    place: _Place,
    mount: Any,
    pose: F32,
    period: float,
    stack: ExitStack,
) -> tuple[Any, Any]:
    """What moves the shafts, and the streams of the cameras (None without any)."""
    if place.task == "none":
        from robots.virtual.servos.motors import FreeMotors

        return FreeMotors(place.arm, mount, pose, period), None
    from robots.virtual.world_motors import WorldMotors

    motors = WorldMotors(place.arm, place.task, mount, pose, period)
    if not place.cameras:
        return motors, None
    from robots.virtual.streams import Streams

    streams = Streams(
        motors.world.model,
        lambda: motors.scene,
        place.cameras,
        options.camera_fps,
        options.camera_port,
    )
    return motors, stack.enter_context(streams)


def _eeprom(options: argparse.Namespace, mount: Any) -> tuple[Any, Callable[[Any], None]]:
    """What the EEPROMs hold at first, and what stores them when that has changed."""
    from robots.virtual.mount import factory
    from robots.virtual.servos import eeprom

    contents = factory() if options.factory else mount.calibrated()
    path: Path | None = options.eeprom
    if path is None:
        return contents, lambda _: None
    if path.exists():
        contents = eeprom.load(path)
    eeprom.save(path, contents)  # fail now, not in the loop
    return contents, lambda chain: eeprom.save(path, chain.eeproms())


def _ready(options: argparse.Namespace, place: _Place, port: str, streams: Any) -> str:
    parts = [f"port {port}"]
    if options.link is not None:
        parts.append(f"link {options.link}")
    if streams is not None:
        parts.append(f"cameras {' '.join(streams.addresses.values())}")
        if options.camera_port not in (0, streams.port):
            parts.append(f"({options.camera_port} is taken)")
    return f"virtual {place.arm.name} ready: {', '.join(parts)}"


def _size(text: str) -> dict[str, int]:
    """``640x480`` as the width and height of a camera; raises ValueError."""
    width, height = map(int, text.split("x"))
    camera = SimCameraConfig(width=width, height=height)
    return camera.model_dump(include={"width", "height"})


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app virtual-arm", DESCRIPTION)
    add = parser.add_argument
    add("--link", type=expanded, metavar="PATH", help="make a symbolic link to the port there")
    add(
        "--world",
        default=_WORLD,
        metavar="none|PRESET|FILE",
        help=f"task, arm and cameras of a simulated robot's config; none: motors that turn "
        f"nothing (default: {_WORLD})",
    )
    add("--arm", choices=list(ARMS), help="which arm (default: the world's, or so101)")
    add("--eeprom", type=expanded, metavar="FILE", help="keep the motors' EEPROM in this file")
    add("--factory", action="store_true", help="motors out of the box: ID 1, not calibrated")
    add(
        "--latency-ms",
        type=float,
        default=0.0,
        help="until every answer [ms]; real: 3 (default: 0)",
    )
    add(
        "--camera-port",
        type=int,
        default=_CAMERA_PORT,
        help=f"0 picks one (default: {_CAMERA_PORT})",
    )
    add(
        "--camera-size",
        type=_size,
        metavar="WxH",
        help="of every image, such as 640x480 [px] (default: as the world says)",
    )
    add("--camera-fps", type=float, default=_CAMERA_FPS, help=f"(default: {_CAMERA_FPS:g})")
    options = parser.parse_args(list(argv))
    if not 0 < options.camera_fps <= 120 or not 0 <= options.camera_port <= 65535:
        raise ConfigError("--camera-fps is above 0 and at most 120, --camera-port 0 to 65535")
    return options
