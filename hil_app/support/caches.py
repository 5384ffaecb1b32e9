"""Folders for what other packages keep between runs: compiled code, lists of fonts, downloads.

A home that is not there or cannot be written, as a service or a container may have, costs no more
than time: such things are then made again in a folder that goes with the program.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

TORCH, MATPLOTLIB = "TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR"


def cache_home() -> Path:
    """Where this user's caches belong. RuntimeError if the system knows no home."""
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path.home() / ".cache"


def for_torch() -> None:
    """See to a folder for what torch compiles, before it takes one under /tmp by itself.

    It wants one as soon as the first optimiser is made, whether anything is compiled or not.
    """
    if not _made(os.environ.get(TORCH)):
        # one that is there is all that torch asks for where nothing is compiled
        os.environ[TORCH] = str(_kept("compiled") or _temporary() or Path(os.sep))


def renew_for_torch() -> None:
    """Forget what torch has compiled: a program that was killed may have left half of a file."""
    kept = _kept("compiled")
    if kept is not None and os.environ.get(TORCH) == str(kept):
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(exist_ok=True)


def for_matplotlib() -> None:
    """See to a folder for what matplotlib keeps, unless it has one of its own."""
    if MATPLOTLIB not in os.environ and _kept("") is None:
        os.environ[MATPLOTLIB] = str(_temporary() or Path(os.sep))


def for_hub() -> None:
    """See to it that downloads of the Hugging Face hub never go into a folder named ``~``."""
    if not {"HF_HOME", "XDG_CACHE_HOME"} & os.environ.keys() and _kept("") is None:
        os.environ["HF_HOME"] = str(_temporary() or Path(os.sep))


def problem() -> str | None:
    """Why nothing can be kept from one run to the next; None if it can."""
    try:
        folder = cache_home() / "hil-app"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except RuntimeError:
        return "this user has no home folder"
    except OSError as error:
        return f"{cache_home()} cannot be written ({error.strerror})"


def _kept(name: str) -> Path | None:
    """A folder of ours in the user's cache; None, reported once, if there is no such thing."""
    if _reported_problem() is not None:
        return None
    folder = cache_home() / "hil-app" / name
    return folder if _made(str(folder)) else None  # a file in its place, perhaps


def _made(folder: str | None) -> bool:
    try:
        Path(folder or "").mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return bool(folder)


@cache
def _reported_problem() -> str | None:
    found = problem()
    if found is not None:
        print(
            f"hil-app: {found}: what is compiled and the list of fonts are made again each time; "
            "XDG_CACHE_HOME names another folder",
            file=sys.stderr,
        )
    return found


@cache
def _temporary() -> Path | None:
    """A folder that is removed when the program ends; None if nothing can be written anywhere."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="hil-app-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
