"""The notebooks run from top to bottom, and show what came of it."""

from __future__ import annotations

import json
import re

import nbclient
import nbformat
import pytest
from handbook import ROOT

NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_as_it_was_executed(path) -> None:
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the notebook's own kernel and sockets
def test_the_pendulum_is_swung_up() -> None:
    (path,) = (one for one in NOTEBOOKS if one.stem == "pendulum")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=1500, kernel_name="python3").execute()
    printed = "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text" in output
    )
    (evaluated,) = re.findall(r"ten evaluations: (-\d+)", printed)
    assert int(evaluated) > -500  # untaught it is some -1,200
