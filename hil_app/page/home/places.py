"""Where a page without a run looks for runs and datasets, and what is called how there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hil_app.page.home.api import NotHere
from hil_app.recording.format.layout import INFO
from hil_app.runs.browse.overview import RunOverview, overviews
from hil_app.runs.folder import CONFIG, DATASET

DATA = Path("data")  # where datasets lie that are no run's


@dataclass(frozen=True)
class Places:
    """The folder with the ``runs``, and that with datasets of their own, ``data``."""

    runs: Path
    data: Path = DATA

    def all_runs(self) -> list[RunOverview]:
        """The oldest first."""
        return overviews(self.runs)

    def run(self, name: str) -> RunOverview:
        """The run whose folder has this name; NotHere if there is none."""
        folder = inside(self.runs, name)
        if not (folder / CONFIG).is_file():
            raise NotHere(f"there is no run {name!r} in {self.runs}")
        return RunOverview(folder)

    def datasets(self) -> Mapping[str, Path]:
        """All datasets by what they are called: ``runs/first`` or ``data/lift``."""
        found = {f"runs/{run.folder.name}": run.folder / DATASET for run in self.all_runs()}
        if self.data.is_dir():
            found |= {f"data/{one.name}": one for one in sorted(self.data.iterdir())}
        return {name: path for name, path in found.items() if _is_dataset(path)}

    def dataset(self, kind: str, name: str) -> Path:
        """The dataset ``kind/name``; NotHere if there is none."""
        folders = {"runs": self.runs, "data": self.data}
        if kind not in folders:
            raise NotHere(f"datasets are in runs/ or data/, not in {kind!r}")
        folder = inside(folders[kind], name)
        found = folder / DATASET if kind == "runs" else folder
        if not _is_dataset(found):
            raise NotHere(f"there is no dataset {kind}/{name}")
        return found


def inside(folder: Path, name: str) -> Path:
    """The folder ``name`` in ``folder``, which is no link; NotHere for any other."""
    found = folder / name
    plain = name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}
    if not plain or found.is_symlink() or not found.is_dir():
        raise NotHere(f"there is no {name!r} in {folder}")
    return found


def _is_dataset(folder: Path) -> bool:
    return (folder / INFO).is_file() and not folder.is_symlink()
