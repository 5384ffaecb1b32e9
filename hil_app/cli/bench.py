"""``hil-app bench``: how fast a tick is and how punctual the loop; the rest is beside it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from configs.load import DEFAULT_PRESET, ConfigError, Parser, load
from configs.run import RunConfig
from configs.writing import write_whole
from hil_app.bench.commands import (
    bus as bench_bus,
)
from hil_app.bench.commands import (
    crashes as bench_crashes,
)
from hil_app.bench.commands import (
    faults as bench_faults,
)
from hil_app.bench.commands import (
    learn as bench_learn,
)
from hil_app.bench.commands import (
    load as bench_load,
)
from hil_app.bench.commands import (
    record as bench_record,
)
from hil_app.bench.commands import (
    speed as bench_speed,
)
from hil_app.bench.commands import (
    teleop as bench_hands,
)
from hil_app.bench.commands import (
    torture as bench_torture,
)
from hil_app.runs.folder import BENCH, open_folder

DESCRIPTION = """\
step: the time of a tick's parts, on the simulated arm running free. "tick" is the software's own
time: without robot, waiting and policy.
loop: how late the ticks of a 30 Hz loop are, in turns without and with the learner training in its
thread, so that both see the same machine.
  hil-app bench learner|replay|swap [--help]: how fast the parts of learning are.
  hil-app bench bus [--help]: what our servo bus costs over the bare SDK.
  hil-app bench hands [--help]: how soon the arm does what the pad says.
  hil-app bench faults [--help]: what happens when the arm fails.
  hil-app bench crashes [--help]: what kill -9 does to a dataset that is being written.
  hil-app bench torture [--help]: what hostile inputs and surroundings lead to.
  hil-app bench record [--help]: what recording two cameras costs, and whether a frame is lost.
  hil-app bench load [--help]: how long a dataset takes to become a replay buffer.
  hil-app bench learn [--help]: how fast and how surely a preset learns.
With --output_dir the figures are also saved, as bench.json beside the config.
"""


CHOICES = (
    *("step", "loop", *bench_speed.CHOICES),
    *("bus", "hands", "faults", "crashes", "torture", "record", "load", "learn"),
)


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    if argv and argv[0] == "learn":
        return bench_learn.run(argv[1:])
    if argv and argv[0] == "load":
        return bench_load.run(argv[1:])
    if argv and argv[0] == "bus":
        return bench_bus.run(argv[1:])
    if argv and argv[0] == "hands":
        return bench_hands.run(argv[1:])
    if argv and argv[0] == "crashes":
        return bench_crashes.run(argv[1:])
    if argv and argv[0] == "torture":
        return bench_torture.run(argv[1:])
    if argv and argv[0] == "record":
        return bench_record.run(argv[1:])
    if argv and argv[0] == "faults":
        return bench_faults.run(argv[1:])
    if argv and argv[0] in bench_speed.CHOICES:
        return bench_speed.run(argv)
    parser = Parser("hil-app bench", DESCRIPTION)
    parser.add_argument("what", choices=["step", "loop"], help="what to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--ticks", type=int, default=3000, help="step: ticks (default: 3000)")
    parser.add_argument("--seconds", type=float, default=10, help="loop: a turn [s] (default: 10)")
    parser.add_argument("--turns", type=int, default=3, help="loop: turns of each (default: 3)")
    config, options = load(parser, argv, DEFAULT_PRESET)
    if min(options.ticks, options.turns) < 1 or not 0 < options.seconds < inf:
        raise ConfigError("--ticks and --turns must be at least 1, --seconds above 0 and finite")
    if config.output_dir is not None:
        open_folder(config.output_dir, config).release()
    result = _measure(config, options)
    text = json.dumps(result, indent=2)
    if config.output_dir is not None:
        write_whole(config.output_dir / BENCH, (text + "\n").encode())
    if options.json:
        print(text)
    else:
        _show(options.what, result)
    return 0


def _measure(config: RunConfig, options: argparse.Namespace) -> dict[str, Any]:
    from hil_app.bench import loop  # loads torch: only once the options are known to be good
    from hil_app.runs.session import calm_threads

    calm_threads()
    if options.what == "step":
        return loop.step(config, options.ticks)
    return loop.loop(config, options.seconds, options.turns)


def _show(what: str, result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title=f"hil-app bench {what} [ms]", title_style="bold")
    for column in ("", "p50", "p99", "max"):
        table.add_column(column, justify="right" if column else "left")

    def rows(figures: Mapping[str, Mapping[str, float]], unit: str = "") -> None:
        for name, values in figures.items():
            table.add_row(name, *(f"{values[key]:.3f}{unit}" for key in ("p50", "p99", "max")))
        table.add_section()

    if what == "step":
        rows({"tick (software)": result["tick_ms"]})
        rows(result["sections_ms"])
        rows(result["steps_ms"])
        table.caption = f"{result['ticks']} ticks"
    else:
        rows(result["lateness_ms"])
        rows({"on / off": result["ratio_on_to_off"]}, "x")
        table.caption = f"{result['ticks_each']} ticks each, {result['updates_per_s']} updates/s"
    print_table(table)
