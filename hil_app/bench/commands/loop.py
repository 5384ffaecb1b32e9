"""``hil-app bench loop``: how punctual the loop is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.load import DEFAULT_PRESET, load
from configs.options.parser import count, seconds
from hil_app.bench import showing

DESCRIPTION = """\
How late the ticks of a 30 Hz loop are, in turns without and with the learner training in its
thread, so that both see the same machine. With --output_dir the figures are also saved, as
bench.json beside the config.
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
    late, ratio = result["lateness_ms"], result["ratio_on_to_off"]
    rows = [[name, *showing.figures(values)] for name, values in late.items()]
    rows += [[], ["on / off", *(f"{value}x" for value in showing.figures(ratio))]]
    caption = f"{result['ticks_each']} ticks each, {result['updates_per_s']} updates/s"
    return showing.table("loop [ms]", ("", *showing.PERCENTILES), rows, caption)
