"""``hil-app bench step``: the time of a tick's parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.load import DEFAULT_PRESET, load
from configs.options.parser import count
from hil_app.bench import showing

DESCRIPTION = """\
The time of a tick's parts, on the simulated arm running free. "tick" is the software's own time:
without robot, waiting and policy; "gymnasium step" is that of the same arm's gymnasium environment.
With --output_dir the figures are also saved, as bench.json
beside the config.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("step", DESCRIPTION)
    parser.add_argument("--ticks", type=count, default=3000, help="how many (default: 3000)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    from hil_app.bench import loop  # loads torch: only once the options are known to be good
    from hil_app.runs.session import calm_threads

    showing.check_folder(config)
    calm_threads()
    result = loop.step(config, options.ticks)
    showing.save(result, config)
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    whole = {"tick (software)": result["tick_ms"]}
    if result["gymnasium_ms"] is not None:
        whole["gymnasium step (software)"] = result["gymnasium_ms"]
    groups = whole, result["sections_ms"], result["steps_ms"]
    rows: list[showing.TableRow] = []
    for group in groups:
        rows += [[name, *showing.figures(values)] for name, values in group.items()]
        rows.append([])
    return showing.table("step [ms]", ("", *showing.PERCENTILES), rows, f"{result['ticks']} ticks")
