"""Packages as pip would have installed them, in a folder that a program looks in."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

TOY = Path(__file__).parent / "plugin_package"


def install(site: Path, project: Path = TOY) -> None:
    """What `pip install` of the ``project`` leaves in ``site``, of what counts here."""
    about = tomllib.loads((project / "pyproject.toml").read_text())
    for package in about["tool"]["setuptools"].get("packages", ()):
        shutil.copytree(project / package, site / package)
    points = about["project"]["entry-points"]["hil_app.plugins"]
    describe(site, about["project"]["name"], about["project"]["version"], points)
    for module in about["tool"]["setuptools"].get("py-modules", ()):
        shutil.copy(project / f"{module}.py", site)


def describe(site: Path, name: str, version: str, points: dict[str, str]) -> None:
    """The metadata of an installed package with these plug-ins."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {value}" for key, value in points.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[hil_app.plugins]", *lines, ""]))
