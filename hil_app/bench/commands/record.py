"""``hil-app bench record``: what recording two cameras costs, and whether a frame is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from configs.load import DEFAULT_PRESET, ConfigError, Parser, load
from configs.writing import write_whole
from hil_app.runs.folder import BENCH, open_folder

DESCRIPTION = """\
A loop of 30 Hz with the learner in its thread, in turns without cameras and with two of 640x480
pixels, all recorded: how late its ticks are, how many updates the learner makes, how far encoder
and disk fall behind, and how many frames the dataset lacks. The cameras are made up.

  hil-app bench record --dataset.encoding.codec=av1
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a frame was lost."""
    parser = Parser("hil-app bench record", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--seconds", type=float, default=20, help="a turn [s] (default: 20)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each (default: 3)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    if not 0 < options.seconds < inf or options.turns < 1:
        raise ConfigError("--seconds must be above 0 and finite, and --turns at least 1")
    from hil_app.bench import record  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    if config.output_dir is not None:
        open_folder(config.output_dir, config).release()
    calm_threads()
    result = record.record(config, options.seconds, options.turns)
    text = json.dumps(result, indent=2)
    if config.output_dir is not None:
        write_whole(config.output_dir / BENCH, (text + "\n").encode())
    if options.json:
        print(text)
    else:
        _show(result)
    return 1 if result["dropped"] else 0


def _show(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title="hil-app bench record: lateness [ms]", title_style="bold")
    for column in ("", "p50", "p99", "max", "updates/s"):
        table.add_column(column, justify="right" if column else "left")
    for name, values in result["lateness_ms"].items():
        late = (f"{values[key]:.2f}" for key in ("p50", "p99", "max"))
        table.add_row(name, *late, f"{result['updates_per_s'][name]}")
    table.caption = (
        f"{result['ticks']} ticks, {result['dropped']} frames lost; backlog at most "
        f"{result['backlog_max_frames']} frames, {result['backlog_max_s']} s; "
        f"{result['megabytes_per_minute']} MB of video a minute"
    )
    print_table(table)
