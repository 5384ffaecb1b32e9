"""``hil-app bench record``: what recording two cameras costs, and whether a frame is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.load import DEFAULT_PRESET, load
from configs.options.parser import count, seconds
from hil_app.bench import showing

DESCRIPTION = """\
A loop of 30 Hz with the learner in its thread, in turns without cameras and with two of 640x480
pixels, all recorded: how late its ticks are, how many updates the learner makes, how far encoder
and disk fall behind, and how many frames the dataset lacks. The cameras are made up.

  hil-app bench record --dataset.encoding.codec=av1
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a frame was lost."""
    parser = showing.parser("record", DESCRIPTION)
    parser.add_argument("--seconds", type=seconds, default=20, help="a turn [s] (default: 20)")
    parser.add_argument("--turns", type=count, default=3, help="turns of each (default: 3)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    from hil_app.bench import record  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    showing.check_folder(config)
    calm_threads()
    result = record.record(config, options.seconds, options.turns)
    showing.save(result, config)
    showing.show(result, options.json, lambda: _table(result))
    return 1 if result["dropped"] else 0


def _table(result: Mapping[str, Any]) -> Table:
    updates = result["updates_per_s"]
    rows = [
        [name, *showing.figures(values, form=".2f"), f"{updates[name]}"]
        for name, values in result["lateness_ms"].items()
    ]
    caption = (
        f"{result['ticks']} ticks, {result['dropped']} frames lost; backlog at most "
        f"{result['backlog_max_frames']} frames, {result['backlog_max_s']} s; "
        f"{result['megabytes_per_minute']} MB of video a minute"
    )
    columns = ("", *showing.PERCENTILES, "updates/s")
    return showing.table("record: lateness [ms]", columns, rows, caption)
