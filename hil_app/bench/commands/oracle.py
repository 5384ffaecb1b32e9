"""``hil-app bench oracle``: how surely the scripted operator does each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

from configs.options.parser import count
from configs.plugins import load
from configs.robot import ROBOTS
from configs.task import TASKS
from configs.teleop import Skill
from hil_app.bench import showing

if TYPE_CHECKING:
    from rich.table import Table

    from hil_app.bench.oracle import Oracle

DESCRIPTION = """\
How surely the scripted operator does each task of the simulated arms, at 10 Hz with steps of 2 cm
and at 30 Hz with steps of 7 mm: all by itself, and by taking over from a policy that keeps still,
with the share of the ticks in which it then has the stick.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from rich.console import Console
    from rich.progress import track

    parser = showing.parser("oracle", DESCRIPTION)
    load()
    known = [entry.name for entry in TASKS if entry.config.operator is not None]
    arms = [entry.name for entry in ROBOTS if entry.name.endswith("_sim")]
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(known)}")
    parser.add_argument(
        "--robots",
        nargs="+",
        choices=arms,
        metavar="ROBOT",
        default=arms,
        help=f"of {', '.join(arms)} (default: all)",
    )
    parser.add_argument(
        "--episodes", type=count, default=100, help="scenes of each task (default: 100)"
    )
    parser.add_argument(
        "--skill",
        choices=get_args(Skill),
        default="ordinary",
        help="of the operator (default: ordinary)",
    )
    options = parser.parse_args(argv)
    if unknown := set(options.tasks) - set(known):
        parser.error(f"no task {', '.join(unknown)} with an operator; known: {', '.join(known)}")
    from hil_app.bench import oracle  # loads torch: only once the options are good

    names = options.tasks or known
    found = list(
        track(
            oracle.oracles(names, options.robots, options.episodes, options.skill),
            "[dim]task, arm, rate",
            total=len(names) * len(options.robots) * len(oracle.RATES),
            console=Console(stderr=True),
            transient=True,
        )
    )
    result = {"oracles": [asdict(one) for one in found]}
    showing.show(result, options.json, lambda: _table(found))
    return 0


def _table(found: Sequence[Oracle]) -> Table:
    rows: list[showing.TableRow] = [
        [
            one.task,
            one.robot.removesuffix("_sim"),
            f"{one.fps:.0f} Hz, {1000 * one.step:.0f} mm",
            f"{one.successes} of {one.episodes}",
            "–" if one.ticks is None else f"{one.ticks:.0f}",
            f"{one.rescues} of {one.episodes}",
            f"{one.share:.0%}",
        ]
        for one in found
    ]
    columns = ("task", "arm", "rate", "success", "ticks", "rescues", "share")
    return showing.table(f"oracle: {found[0].skill} operator", columns, rows)
