"""``hil-app demo``: the whole loop on the simulated arm, nothing to configure."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, load
from configs.options.parser import OPEN
from hil_app.cli.train import MAIN

DESCRIPTION = f"""\
Watch the whole loop without an arm: a scripted operator shows a simulated SO101 how to pick up a
cube, the policy learns while the operator takes over whenever it stalls, and then it acts alone.
This is `hil-app train --config_path {DEFAULT_PRESET}`, so every option of train works here too,
for example `hil-app demo --seed=1` or `hil-app demo --robot.type=so100_sim`.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app demo", DESCRIPTION)
    parser.add_config_flag(*OPEN)
    config, _ = load(parser, argv, DEFAULT_PRESET, main=MAIN)
    print("Demonstrate, train with interventions, evaluate without: about two minutes.", flush=True)
    from hil_app.cli.run_command import (
        train,  # loads torch: only once the options are known to be good
    )

    return train(config, "demo")
