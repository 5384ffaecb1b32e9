"""``hil-app bench loop``: how punctual the loop is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.load import DEFAULT_PRESET, load
from configs.options.parser import count, seconds
from hil_app.bench import showing

DESCRIPTION = """\
How late the ticks of a 30 Hz loop are, in turns without a learner, with one that trains in a
thread, and with one in a process of its own (learner.where), so that all see the same machine.
With --output_dir the figures are also saved, as bench.json beside the config.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("loop", DESCRIPTION)
    parser.add_argument("--seconds", type=seconds, default=10, help="a turn [s] (default: 10)")
    parser.add_argument("--turns", type=count, default=3, help="turns of each (default: 3)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    from hil_app.bench import loop  # loads torch: only once the options are known to be good
    from hil_app.runs.session import calm_threads

    showing.check_folder(config)
    calm_threads()
    result = loop.loop(config, options.seconds, options.turns)
    showing.save(result, config)
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    def row(name: str) -> list[str]:
        cpu = format(100 * result["cpu_share"][name], ".0f")
        return [*showing.figures(result["lateness_ms"][name]), f"{updates[name]:g}", cpu]

    updates, ratios = result["updates_per_s"], result["ratio_to_off"]
    rows = [[f"learner {name}", *row(name)] for name in updates]
    rows += [[]] + [
        [f"{name} / off", *(f"{value}x" for value in showing.figures(ratio)), "", ""]
        for name, ratio in ratios.items()
    ]
    caption = f"{result['ticks_each']} ticks each; % of a core is of the loop's own process"
    columns = "", *showing.PERCENTILES, "updates/s", "% of a core"
    return showing.table("loop [ms]", columns, rows, caption)
