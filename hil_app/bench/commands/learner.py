"""``hil-app bench learner``: how fast an update is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from configs.options.parser import count
from hil_app.bench import showing

DESCRIPTION = """\
The time of an update in the plain form of published code, in ours and compiled, in turns; the nets
have the published sizes. "its products" is the time of its matrix products alone: the floor. On a
GPU (--learner.device=cuda) ours alone, with a batch that is there and with those that are drawn
ahead from a replay buffer in the computer's memory; that has not been run on a GPU yet.
"""
COLUMNS = ("median", "min", "max")


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("learner", DESCRIPTION)
    parser.add_argument("--rounds", type=count, default=40, help="times of each (default: 40)")
    parser.add_argument("--no-compile", action="store_true", help="leave out the compiled form")
    parser.add_argument("--no-images", action="store_true", help="leave out the cameras")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="those cases that have this in their names"
    )
    parser.add_argument(
        "--learner.device", dest="device", default="cpu", help="where (default: cpu)"
    )
    options = parser.parse_args(argv)
    from hil_app.bench import learner  # loads torch: only once the options are good
    from hil_app.runs.session import calm_threads

    calm_threads()
    compiled, images = not options.no_compile, not options.no_images
    result = learner.learner(options.rounds, compiled, images, options.only, options.device)
    showing.show(result, options.json, lambda: _table(result["cases"]))
    return 0


def _table(cases: Mapping[str, Any]) -> Table:
    rows: list[showing.TableRow] = []
    for title, case in cases.items():
        rows += [[title], *timed(case["ms"], case["ratios"]), []]
    problems = [
        f"{title}: not compiled: {case['compile_problem']}"
        for title, case in cases.items()
        if "compile_problem" in case
    ]
    return showing.table("learner [ms]", ("", *COLUMNS, "first / this"), rows, "\n".join(problems))


def timed(times: Mapping[str, Any], ratios: Mapping[str, float]) -> list[showing.TableRow]:
    """A row for each of some ``times``, with the ratio to the plain form where there is one."""
    against = {name: f"{ratio:.2f}" for name, ratio in ratios.items()}
    return [
        [f"  {name}", *showing.figures(values, COLUMNS), against.get(name, "")]
        for name, values in times.items()
    ]
