"""``hil-app bench replay``: how fast batches are drawn from a replay buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing
from hil_app.bench.commands.learner import COLUMNS, timed

DESCRIPTION = """\
The time of batches drawn from a buffer, with images of two cameras and without.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("replay", DESCRIPTION)
    parser.add_argument("--rounds", type=count, default=20, help="times of each (default: 20)")
    parser.add_argument("--batch_size", type=count, default=256, help="rows (default: 256)")
    parser.add_argument(
        "--size", type=count, default=128, help="side of an image [px] (default: 128)"
    )
    options = parser.parse_args(argv)
    from hil_app.bench import replay  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    calm_threads()
    result = replay.replay(options.batch_size, 4 * options.batch_size, options.rounds, options.size)
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    rows = [[f"sample({result['batch_size']})"], *timed(result["ms"], result["ratios"])]
    return showing.table("replay [ms]", ("", *COLUMNS, "plain / this"), rows)
