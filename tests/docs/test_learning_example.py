"""The handbook's example of the learning package is what it says: it runs, and it learns."""

import runpy

from handbook import ROOT


def test_the_example_runs(capsys):
    runpy.run_path(str(ROOT / "docs/examples/learning.py"))
    printed = capsys.readouterr().out
    assert "loss_critic" in printed
    assert "loss_discrete_critic" in printed
