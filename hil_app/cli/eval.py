"""``hil-app eval``: evaluate a trained policy without interventions."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import Parser, load
from configs.text.paths import expanded
from hil_app.runs.folder import WHICH, config_of, find_checkpoint

DESCRIPTION = """\
Let a trained policy act on its own and count its successes. The run's saved config is used, with
your options on top: `hil-app eval --checkpoint runs/… --eval.episodes=100`.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app eval", DESCRIPTION)
    parser.add_argument(
        "--checkpoint",
        type=expanded,
        metavar="PATH",
        help="a run's folder, or one of its checkpoints/tick_… (default: the newest in runs/)",
    )
    parser.add_argument(
        "--which", choices=WHICH, default="last", help="of a run's checkpoints (default: last)"
    )
    config, options = load(
        parser,
        argv,
        lambda given: str(config_of(find_checkpoint(given.checkpoint, given.which))),
        named="the run's own",
    )
    from hil_app.cli.run_command import evaluate  # loads torch: only once the options are good
    from hil_app.cli.trained import policy_of

    checkpoint = find_checkpoint(options.checkpoint, options.which)
    return evaluate(config, policy_of(config, checkpoint))
