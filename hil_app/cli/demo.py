"""``hil-app demo``: the whole loop on the simulated arm, nothing to configure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from configs.load import Parser, load
from hil_app.cli.train import train

PRESET = "sim_pick_lift"
DESCRIPTION = f"""\
Watch the whole loop without an arm: a scripted person shows a simulated SO101 how to pick up a
cube, the policy learns while the person takes over whenever it stalls, and then it is on its own.
This is `hil-app train --config_path {PRESET}`, so every option of train works here too, for
example `hil-app demo --seed=1` or `hil-app demo --robot.type=so100_sim`.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    console = Console()
    config, _ = load(Parser(prog="hil-app demo", description=DESCRIPTION), argv, PRESET)
    console.print("Demonstrate, train with interventions, evaluate without: about two minutes.")
    return train(config, "demo", console)
