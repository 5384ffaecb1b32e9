"""What is noted beside a run's folder when it is started: its options, versions and hardware."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from configs.text.reading import read_json
from configs.text.writing import write_whole

PACKAGES = ("hil-app", "torch", "mujoco", "numpy")
_CPUS = Path("/proc/cpuinfo")


def note(folder: Path, options: Sequence[str], jobs: int) -> None:
    """Note beside ``folder`` what starts there, with ``jobs`` runs side by side."""
    here = facts()
    content = {"options": [*options], **here, "hardware": {**here["hardware"], "jobs": jobs}}
    write_whole(_path(folder), (json.dumps(content, indent=2) + "\n").encode())


def correct(folder: Path, there: Mapping[str, Mapping[str, Any]]) -> None:
    """The run in ``folder`` was started on another computer, whose `facts` these are."""
    before = noted(folder)
    content = {**before, **{name: {**before[name], **found} for name, found in there.items()}}
    write_whole(_path(folder), (json.dumps(content, indent=2) + "\n").encode())


def noted(folder: Path) -> Mapping[str, Any]:
    """What was noted when the run in ``folder`` was started; empty if nothing was."""
    try:
        found: Mapping[str, Any] = read_json(_path(folder))
    except FileNotFoundError:
        return {}
    return found


def differs(folder: Path, options: Sequence[str]) -> str | None:
    """What is wrong if the run in ``folder`` was started with other ``options`` than these."""
    before = noted(folder).get("options", [*options])
    if before == [*options]:
        return None
    changed = sorted({*before} ^ {*options}) or ["their order"]
    return (
        f"{folder} has a run with other options ({', '.join(changed)}): name another --output_dir"
    )


def facts() -> dict[str, dict[str, Any]]:
    """What is noted of this computer: its versions and hardware."""
    return {"versions": versions(), "hardware": hardware()}


def versions() -> dict[str, str]:
    """The versions of what a run depends on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def hardware() -> dict[str, str | int]:
    """The processor's model, and how many cores there are."""
    return {"cpu": _model(), "cores": os.cpu_count() or 1, "system": platform.system()}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _model() -> str:
    lines = _CPUS.read_text().splitlines() if _CPUS.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _path(folder: Path) -> Path:
    return folder.with_suffix(".json")
