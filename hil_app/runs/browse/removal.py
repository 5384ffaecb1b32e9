"""Which runs may be removed, and why others may not."""

from __future__ import annotations

from collections.abc import Iterable

from hil_app.runs.browse.overview import RunOverview
from hil_app.support.files import remove_folder


def worthless(runs: Iterable[RunOverview]) -> list[RunOverview]:
    """Those that hold nothing that anybody would miss.

    They never learned, nothing was recorded in them, no benchmark measured, and nobody is at work.
    """
    return [
        run for run in runs if not (run.learned or run.recorded or run.measured or run.going_on)
    ]


def refusal(run: RunOverview) -> str | None:
    """Why a run cannot be removed, though it is named; None if it can."""
    if run.folder.is_symlink():
        return f"{run.folder} is a link: name the folder itself"
    if run.going_on:
        return f"{run.folder} is in use: end its run first"
    return None


def remove(run: RunOverview) -> None:
    """Remove a run's folder, with nothing that links in it lead to. Raises OSError."""
    remove_folder(run.folder)
