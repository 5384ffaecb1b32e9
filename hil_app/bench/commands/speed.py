"""``hil-app bench learner|replay|swap``: how fast the parts of learning are, without a robot."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from configs.load import ConfigError
from configs.parser import Parser

DESCRIPTION = """\
learner: an update in the plain form of published code, in ours and compiled, in turns; the nets
have the published sizes. "its products" is the time of its matrix products alone: the floor.
replay: batches drawn from a buffer, with pictures of two cameras and without.
swap: new weights from the learner to the policy that acts, without the wait for the next tick.
"""
CHOICES = ("learner", "replay", "swap")
ROUNDS = {"learner": 40, "replay": 20, "swap": 1000}


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _options(argv)
    result = _measure(options)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(options.what, result)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app bench", DESCRIPTION)
    parser.add_argument("what", choices=CHOICES, help="what to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, help=f"times of each (default: {ROUNDS})")
    parser.add_argument(
        "--no-compile", action="store_true", help="learner: leave out the compiled form"
    )
    parser.add_argument("--no-images", action="store_true", help="learner: leave out the cameras")
    parser.add_argument("--batch_size", type=int, default=256, help="replay: rows (default: 256)")
    options = parser.parse_args(list(argv))
    options.rounds = ROUNDS[options.what] if options.rounds is None else options.rounds
    if min(options.rounds, options.batch_size) < 1:
        raise ConfigError("--rounds and --batch_size must be at least 1")
    return options


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    from hil_app.bench import learner, replay, swap  # load torch: only once the options are good
    from hil_app.runs.session import calm_threads

    calm_threads()
    if options.what == "learner":
        compiled, images = not options.no_compile, not options.no_images
        return learner.learner(options.rounds, compiled, images)
    if options.what == "replay":
        return replay.replay(options.batch_size, 4 * options.batch_size, options.rounds)
    return swap.swap(options.rounds)


def _show(what: str, result: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("p50", "p99", "max") if what == "swap" else ("median", "min", "max")
    table = Table(title=f"hil-app bench {what} [ms]", title_style="bold")
    for column in ("", *columns, *(() if what == "swap" else ("plain / this",))):
        table.add_column(column, justify="right" if column else "left")
    for title, times, ratios in _tables(what, result):
        table.add_row(title, style="bold")
        for name, values in times.items():
            ratio = [f"{ratios[name]:.2f}"] if name in ratios else []
            table.add_row(f"  {name}", *(f"{values[key]:.3f}" for key in columns), *ratio)
        table.add_section()
    console = Console()
    console.print(table)
    for title, case in result.get("cases", {}).items():
        if "compile_problem" in case:
            console.out(f"{title}: not compiled: {case['compile_problem']}", highlight=False)


def _tables(
    what: str, result: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any], Mapping[str, float]]]:
    """Title, times by name, and ratios by name."""
    if what == "learner":
        return [(name, case["ms"], case["ratios"]) for name, case in result["cases"].items()]
    if what == "replay":
        return [(f"sample({result['batch_size']})", result["ms"], result["ratios"])]
    return [(name, case, {}) for name, case in result.items() if name != "rounds"]
