"""Every camera of a run: what it gives, all of them at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from configs.camera import OpenCVCameraConfig
from configs.text.paths import option
from hil_app.checks.finding import Finding, Findings, note, of_error, ok, problem
from robots.base import CameraError
from robots.camera.cameras import DARK, SLOW, START, UNCOVER, WINDOW
from robots.camera.capture import shots, video_devices

PATIENCE_S = START + WINDOW + 20.0  # for all of them, on a busy computer
_BRIGHT = 245.0  # mean of an image above which it counts as white, of 255


@dataclass
class _Seen:
    """What a camera has given so far."""

    stamps: list[float] = field(default_factory=list)  # [s]
    brightness: float = 0.0  # of the last image, 0 to 255
    failure: BaseException | None = None


def cameras(configs: Mapping[str, OpenCVCameraConfig]) -> Findings:
    """Open all cameras together, as a run does, and watch them for two seconds."""
    if not configs:
        names = [f"{path} ({name})" for path, name in video_devices().items()]
        there = f"; on this computer there are {', '.join(names)}" if names else ""
        yield ok(f"no camera is configured{there}")
        return
    seen = {name: _Seen() for name in configs}
    threads = [
        threading.Thread(target=_watch, args=(name, config, seen[name]), daemon=True)
        for name, config in configs.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + START + WINDOW
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for name, config in configs.items():
        yield _finding(name, config, seen[name])


def _watch(name: str, config: OpenCVCameraConfig, seen: _Seen) -> None:
    try:
        with closing(shots(name, config)) as images:
            for shot in images:
                seen.stamps.append(shot.stamp)
                if shot.stamp - seen.stamps[0] >= WINDOW:
                    seen.brightness = float(shot.image.mean())
                    return
    except BaseException as error:  # a finding, in the thread of the check
        seen.failure = error


def _finding(name: str, config: OpenCVCameraConfig, seen: _Seen) -> Finding:
    where = f"{name} ({config.index_or_path})"
    if isinstance(seen.failure, CameraError):
        return of_error(seen.failure, about=f"{where} ")
    if seen.failure is not None:
        raise seen.failure
    if len(seen.stamps) < 2:
        return problem(
            f"{where} gives no image within {START:g} s",
            "see whether another program uses it, and plug it in again",
        )
    rate = (len(seen.stamps) - 1) / (seen.stamps[-1] - seen.stamps[0])
    fact = f"{where} gives {config.width}x{config.height} at {rate:.1f} images/s"
    if rate < SLOW * config.fps:
        return problem(
            f"{fact}, not {config.fps:g}",
            "more light, fourcc=MJPG, a smaller size or a USB port of its own may help; or set "
            f"{option(f'robot.cameras.{name}.fps', round(rate))}",
        )
    if seen.brightness < DARK:
        return problem(f"{fact}, and they are black", UNCOVER)
    if seen.brightness > _BRIGHT:
        return note(f"{fact}, and they are white", "turn it away from the light")
    return ok(fact)
