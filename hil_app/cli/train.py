"""``hil-app train``: demonstrate, learn with interventions, evaluate without."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from configs.load import Parser, load
from configs.run import RunConfig
from hil_app.cli.common import conduct, judge
from hil_app.session import Session
from hil_app.training import Training

DEFAULT = "sim_pick_lift"
DESCRIPTION = """\
Train a policy. The person demonstrates the task, then the policy acts and learns in a background
thread while the person takes over whenever it errs; at the end it is evaluated on its own.
Every option below can also stand in a YAML file given with --config_path.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    config, _ = load(Parser(prog="hil-app train", description=DESCRIPTION), argv, DEFAULT)
    return train(config, "train", Console())


def train(config: RunConfig, command: str, console: Console) -> int:
    """A whole training run; returns its exit status."""
    with Session(config, command) as session:
        training = Training(session)

        def work() -> None:
            training.run()
            judge(session, console, training.algorithm.policy)

        return conduct(session, console, work, training.learner)
