"""What people are told to type for an extra works in a checkout and beside a wheel."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from hil_app.support.extras import how_to_install

ROOT = Path(__file__).parents[3]
METADATA = """\
Metadata-Version: 2.4
Name: hil-app
Version: 9.9
Requires-Dist: numpy>=1
Requires-Dist: hub-client>=0.25; extra == 'hub'
Requires-Dist: hub-more; extra == "hub"
Requires-Dist: other>=2; extra == "hubs"
"""


def installed(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """An installation as a wheel leaves it comes before all others."""
    place = folder / "hil_app-9.9.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(METADATA)
    patch.syspath_prepend(str(folder))


def words(line: str) -> list[str]:
    assert line[0] == line[-1] == "`"
    return shlex.split(line[1:-1])


def test_what_an_extra_asks_for_is_named_with_the_python_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, monkeypatch)
    pip = [sys.executable, "-m", "pip", "install"]
    assert words(how_to_install("hub")) == [*pip, "hub-client>=0.25", "hub-more"]
    assert words(how_to_install("new")) == [*pip, "-e", f"{ROOT}[new]"]


def test_no_message_takes_hil_app_from_an_index_that_does_not_have_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    places = ("configs", "robots", "teleop", "processors", "hil_app")
    texts = [path for place in places for path in (ROOT / place).rglob("*.py")]
    wrong = [f"hil-app[{extra}]" for extra in project["optional-dependencies"]]
    assert not [path for path in texts if any(one in path.read_text() for one in wrong)]
