"""The computer: its load, its memory, its disk and its serial ports."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from serial.tools.list_ports import comports

from configs.run import RunConfig
from configs.text.reading import shown
from hil_app.checks.finding import Findings, note, of_message, ok, problem
from hil_app.runs.folder import RUNS
from hil_app.support import caches
from robots.base import RobotError
from robots.safety.urgent import GUARD, LOOP, urgent
from robots.virtual.client import virtual_ports

GB = 1e9
_LITTLE_MEMORY, _SOME_MEMORY = 1.0, 2.0  # [GB]
_LITTLE_DISK, _SOME_DISK = 1.0, 5.0  # [GB]
_SLOW_DISK = 20.0  # [MB/s]
_SAMPLE = 16_000_000  # bytes that are written to measure the disk
_COLOURS = 3

MEMORY = Path("/proc/meminfo")
LINUX = sys.platform == "linux"


def load() -> Findings:
    """Whether other programs, or the system, hold the control loop up."""
    cores = len(os.sched_getaffinity(0)) if LINUX else os.cpu_count() or 1
    busy = os.getloadavg()[0]
    fact = f"{cores} cores, load {busy:.1f}"
    if busy > cores:
        yield note(fact, "other programs keep the cores busy, so that ticks may be late: end them")
    else:
        yield ok(fact)
    governor = _line(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
    driver = _line(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver")) or ""
    if governor == "powersave" and "pstate" not in driver:
        yield note(
            "the CPU is kept at its lowest speed (governor powersave)",
            "sudo cpupower frequency-set -g performance",
        )


def priority() -> Findings:
    """Whether what moves an arm goes ahead of other programs."""
    if not LINUX:
        return
    with urgent(LOOP) as ahead:
        pass
    if ahead:
        yield ok("the control loop goes ahead of other programs")
    else:
        yield note(
            "the control loop may not go ahead of other programs: they may make ticks late",
            f'echo "$USER - rtprio {GUARD}" | sudo tee /etc/security/limits.d/hil-app.conf, then '
            f"log out and in again; in a container: docker run --ulimit rtprio={GUARD}",
        )


def memory(config: RunConfig) -> Findings:
    """Whether there is memory for the program and for the images that it learns from."""
    lines = (_line(MEMORY) or "").splitlines()
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    if not found:
        return
    free, needed = found[0] / GB, _images(config)
    fact = f"{free:.1f} GB of memory free"
    if free < _LITTLE_MEMORY:
        yield problem(fact, "end other programs: torch alone needs about 1 GB")
    elif free < _SOME_MEMORY:
        yield note(fact, "end other programs")
    elif needed > free - _LITTLE_MEMORY:
        yield note(
            f"{fact}, and the images of a whole training may need {needed:.1f} GB",
            "make them smaller with policy.image_size, or set learner.online_capacity lower",
        )
    else:
        yield ok(fact)


def _images(config: RunConfig) -> float:
    """What the replay buffer keeps of a training [GB]."""
    if not config.processor.observation.images:
        return 0.0
    resize, cameras = config.processor.images.resize, config.robot.cameras.items()
    pixels = [
        config.policy.looks_at(name, *(resize or (camera.height, camera.width)))
        for name, camera in cameras
    ]
    frames = min(config.train.ticks, config.learner.online_capacity)
    return frames * sum(height * width * _COLOURS for height, width in pixels) / GB


def disk(config: RunConfig) -> Findings:
    """Whether runs can be saved, and how fast."""
    wanted = (config.output_dir or RUNS).absolute()
    folder = next(path for path in (wanted, *wanted.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free / GB
    try:
        speed = _write_speed(folder)
    except OSError as error:
        yield problem(
            f"{folder}, where runs are saved, cannot be written ({error.strerror})",
            "name another folder with --output_dir, or run in another folder",
        )
        return
    fact = f"{free:.0f} GB free in {folder}, written at {speed:.0f} MB/s"
    if free < _LITTLE_DISK:
        yield problem(fact, "make room, or name a folder on another disk with --output_dir")
    elif free < _SOME_DISK:
        yield note(fact, "a day with two cameras takes some GB: make room")
    elif speed < _SLOW_DISK:
        yield note(fact, "that is slow: name a folder on another disk with --output_dir")
    else:
        yield ok(fact)


def cache() -> Findings:
    """Whether what takes long to make is kept for the next run."""
    if (found := caches.problem()) is not None:
        yield note(
            f"{found}: what is compiled and the list of fonts are made again in each run",
            "set XDG_CACHE_HOME to a folder that can be written",
        )


def _write_speed(folder: Path) -> float:
    """How fast ``folder`` takes data that reaches the disk [MB/s]."""
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        file.write(os.urandom(_SAMPLE))
        file.flush()
        os.fsync(file.fileno())
        return _SAMPLE / 1e6 / (time.perf_counter() - began)


def ports() -> Findings:
    """The serial ports there are, and who may and does use them."""
    usb = {item.device: shown(item.description) for item in comports() if item.vid is not None}
    for port, name in usb.items():
        fact = f"{port} ({name})"
        if not os.access(port, os.R_OK | os.W_OK):
            yield note(f"{fact} may not be used", join_group(port))
        elif users := users_of(port):
            yield note(f"{fact} is in use by {', '.join(users)}")
        else:
            yield ok(fact)
    yield from _virtual_ports()
    if not usb:
        yield ok("no USB serial port")


def _virtual_ports() -> Findings:
    try:
        found = virtual_ports()
    except RobotError as error:  # which keeps no real arm from working
        why = of_message(str(error))
        yield note(f"virtual arms cannot be looked for: {why.fact}", why.remedy)
        return
    for port in found:
        users = users_of(port)
        use = f" is in use by {', '.join(users)}" if users else ""
        yield ok(f"{port} (virtual arm){use}")


def users_of(port: str) -> list[str]:
    """The programs that have ``port`` open, as far as this user may know, but for its own arm."""
    device, found = os.path.realpath(port), []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        number = int(folder.parent.name)
        if number != os.getpid() and _has_open(folder, device):
            words = (_line(folder.parent / "cmdline") or "").split("\0")
            if "virtual-arm" not in words:
                found.append(f"{Path(words[0]).name} (process {number})")
    return found


def _has_open(folder: Path, device: str) -> bool:
    try:
        return any(os.path.realpath(link) == device for link in folder.iterdir())
    except OSError:  # another user's, or it has ended
        return False


def join_group(port: str) -> str:
    """How to get the permission to use ``port``, a serial port or another device."""
    import grp

    group = grp.getgrgid(os.stat(port).st_gid)
    name = group.gr_name
    if os.environ.get("USER") in group.gr_mem:
        return f"you have joined the group {name}: log out and in again for it to count"
    return f"sudo usermod -aG {name} $USER, then log out and in again"


def _line(path: Path) -> str | None:
    """The text of a small file; None if it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return None
