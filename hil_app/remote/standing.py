"""The learners that this computer is to have, so that they come back where its cluster does.

Ray starts a learner again where that dies; a cluster that is started anew has forgotten it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from configs.text.reading import read_json
from configs.text.writing import write_whole

_FILE = "learners.json"  # by name, the options of `hil-app learner start`


def state_folder() -> Path:
    """Where this user's state is."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    folder = Path(base) / "hil-app"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def standing() -> dict[str, list[str]]:
    """Options of the learners that are to be up, by name."""
    with suppress(OSError, ValueError):
        found: dict[str, list[str]] = read_json(state_folder() / _FILE)
        return found
    return {}


def remember(name: str, options: Mapping[str, object]) -> None:
    """Have a learner be started with these options whenever Ray is started anew here."""
    _write({**standing(), name: ["=".join((f"--{key}", f"{options[key]}")) for key in options]})


def forget(name: str) -> None:
    """It has been stopped, whether or not it was ever started here."""
    known = standing()
    if known.pop(name, None) is not None:
        _write(known)


def forget_all() -> None:
    """The cluster is another one, or none."""
    (state_folder() / _FILE).unlink(missing_ok=True)


def _write(known: dict[str, list[str]]) -> None:
    write_whole(state_folder() / _FILE, f"{json.dumps(known, indent=2)}\n".encode())
