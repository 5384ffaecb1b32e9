"""``hil-app train``: demonstrate, learn with interventions, evaluate without."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, load

DESCRIPTION = """\
Train a policy. The person demonstrates the task, then the policy acts and learns in a background
thread while the person takes over whenever it errs; at the end it is evaluated on its own.
Every option below can also stand in a YAML file given with --config_path.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    config, _ = load(Parser(prog="hil-app train", description=DESCRIPTION), argv, DEFAULT_PRESET)
    from hil_app.cli.conduct import train  # loads torch: only once the options are known to be good

    return train(config, "train")
