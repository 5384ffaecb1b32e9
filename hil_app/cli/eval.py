"""``hil-app eval``: evaluate a trained policy without interventions."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import Parser, load
from configs.options.parser import OPEN
from hil_app.runs.chosen_run import add_run, checkpoint_of, described
from hil_app.runs.folder import config_of

DESCRIPTION = """\
Let a trained policy act on its own, by its run's config with your options on top, and count its
successes: `hil-app eval runs/first --eval.episodes=100`. Report and video go into the run's
evaluations/, or to --output_dir.
"""
MAIN = (
    "eval.episodes",
    "eval.deterministic",
    "eval.video",
    "robot.port",
    "robot.cameras",
    "robot.randomize",
    "env.paced",
    "env.reset_time_s",
    "seed",
    "window",
    "output_dir",
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app eval", DESCRIPTION)
    add_run(parser)
    parser.add_config_flag(*OPEN)
    config, options = load(
        parser,
        argv,
        lambda given: str(config_of(checkpoint_of(given))),
        named="RUN's",
        main=MAIN,
    )
    from hil_app.cli.run_command import evaluate  # loads torch: only once the options are good
    from hil_app.cli.trained import policy_of

    checkpoint = checkpoint_of(options)
    policy = policy_of(config, checkpoint)
    print(f"evaluating {described(checkpoint)}", flush=True)
    return evaluate(config, policy, checkpoint)
