"""``hil-app bench remote``: a learner elsewhere, a bad network, and several robots."""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.options.parser import count, seconds
from hil_app.bench import showing
from hil_app.support.extras import check_installed
from hil_app.support.tables import print_table

if TYPE_CHECKING:
    from rich.table import Table

    from hil_app.bench.remote.arrivals import Arrival
    from hil_app.bench.remote.faults import Outcome
    from hil_app.bench.remote.robots import Scaled
    from hil_app.bench.remote.session import Found

DESCRIPTION = """\
Put a learner and robots on two computers that are one: namespaces of Linux for networks, processes
and mounts, with a wire between them.

  faults   a virtual arm is trained at 30 Hz with two cameras, once in
           peace and once while something fails at random: the bridge, the
           learner or Ray on either computer is killed, the wire is cut,
           slowed or loses packets. Then each frame that the run has
           recorded must be with the learner once, and no command may be
           one that a motor should not see.
  weights  how soon new weights are at hand on the robot, and what goes
           over the wire
  robots   twins of a task of state, each at 10 Hz, learn together until 19
           of their newest 20 episodes succeed without the operator; and
           one whose learner is a thread

Exit status 1 if a frame is lost or comes twice, or a command is bad. Needs root (`ip`, `unshare`,
`nsenter`). 200 faults took 34 minutes on two cores; --minutes ends them sooner.
"""
PARTS = ("faults", "weights", "robots")


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("remote", DESCRIPTION)
    parser.add_argument(
        "parts",
        nargs="*",
        default=PARTS[:2],
        metavar="PART",
        help="faults, weights, robots (default: faults weights)",
    )
    parser.add_argument("--faults", type=count, default=20, help="how many (default: 20)")
    parser.add_argument(
        "--minutes", type=seconds, help="end after so long, though faults are left (default: never)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the faults (default: 0)")
    parser.add_argument(
        "--peace", type=seconds, default=60.0, help="of the run without faults [s] (default: 60)"
    )
    parser.add_argument(
        "--weights", type=seconds, default=30.0, help="for each kind of nets [s] (default: 30)"
    )
    parser.add_argument(
        "--robots",
        type=count,
        nargs="+",
        default=[1, 2, 4, 8],
        metavar="COUNT",
        help="how many at a time (default: 1 2 4 8)",
    )
    parser.add_argument(
        "--task", default="pick_lift", help="that the robots learn (default: pick_lift)"
    )
    parser.add_argument(
        "--most",
        type=seconds,
        default=300.0,
        help="that robots may take to learn [s] (default: 300)",
    )
    options = parser.parse_args(argv)
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"PART: must be one of {', '.join(PARTS)}, got {part}")
    check_installed("ray", "hil-app bench remote")
    doing = {"faults": _faults, "weights": _weights, "robots": _robots}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="hil_remote_") as folder:
        for part in dict.fromkeys(options.parts):
            found[part], table = doing[part](Path(folder), options)
            if not options.json:
                print_table(table)
    if options.json:
        print(json.dumps(found, indent=2))
    return 0 if found.get("faults", {}).get("good", True) else 1


def _faults(folder: Path, options: Any) -> tuple[Any, Table]:
    from hil_app.bench.remote.session import session

    begun: list[float] = []

    def report(one: Outcome, number: int) -> None:
        begun.append(time.monotonic())
        each = (begun[-1] - begun[0]) / max(number - 1, 1)
        left = f", {each * (options.faults - number) / 60:.0f} min left" if number > 1 else ""
        _say(f"{number} of {options.faults} faults: {one.fault}{left}")

    _say(f"in peace, for {options.peace:.0f} s, then faults")
    most_s = math.inf if options.minutes is None else 60 * options.minutes
    found = session(folder, options.faults, options.seed, options.peace, most_s, report)
    return {**asdict(found), "good": found.good}, _faults_table(found)


def _weights(folder: Path, options: Any) -> tuple[Any, Table]:
    from hil_app.bench.remote.arrivals import CASES, arrivals

    found = []
    for one in arrivals(folder, options.weights):
        found.append(one)
        _say(f"weights: {len(found)} of {len(CASES)} kinds of nets")
    return [asdict(one) for one in found], _weights_table(found)


def _robots(folder: Path, options: Any) -> tuple[Any, Table]:
    from hil_app.bench.remote.robots import scaled

    found: list[Scaled] = []
    for one in scaled(folder, options.task, options.robots, options.most):
        found.append(one)
        left = (len(options.robots) + 1 - len(found)) * (options.most + 90) / 60
        _say(f"{one.robots} with the learner in {one.where}, at most {left:.0f} min left")
    counts = [{**asdict(one), "short_of": one.short_of} for one in found]
    return {"task": options.task, "counts": counts}, _robots_table(found)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _faults_table(found: Found) -> Table:
    rows: list[showing.TableRow] = [["", "in peace", "with faults"]]
    for name, form in ROWS.items():
        rows.append([name, *(form.format(one) for one in (found.peace, found.troubled))])
    rows.append([])
    for one in found.faults:
        times = sorted(one.reached_again_s)
        none = "not noticed" if one.faults else "not tried"
        told = f"{times[len(times) // 2]:.1f}, {times[-1]:.1f} s" if times else none
        rows.append([one.fault, f"{one.faults}×", told])
    caption = (
        "Of the faults: how many, and until the learner was within reach again, median and most."
    )
    return showing.table("remote faults", ("", "", ""), rows, caption)


ROWS = {
    "seconds": "{0.seconds:.0f}",
    "frames": "{0.compared.frames}",
    "lost": "{0.compared.lost}",
    "doubled or strange": "{0.again}",
    "bad commands": "{0.violations}",
    "ticks/s": "{0.ticks_per_s:.1f}",
    "lateness p50 [ms]": "{0.lateness_ms[p50]:.2f}",
    "lateness p99 [ms]": "{0.lateness_ms[p99]:.1f}",
    "lateness max [ms]": "{0.lateness_ms[max]:.0f}",
    "CPU of the loop's process": "{0.cpu_share:.0%}",
    "sent to the learner [kB/s]": "{0.sent_kb_s:.0f}",
    "received from it [kB/s]": "{0.received_kb_s:.0f}",
    "updates": "{0.updates}",
}


def _weights_table(found: Sequence[Arrival]) -> Table:
    columns = ("", "p50", "p99", "max", "weights/s", "sent kB/s", "received kB/s")
    rows = [
        [
            one.nets,
            *showing.figures(one.age_ms, form=".1f"),
            f"{one.weights_per_s:.1f}",
            f"{one.sent_kb_s:.0f}",
            f"{one.received_kb_s:.0f}",
        ]
        for one in found
    ]
    caption = "From the learner's publishing of weights to the start of the tick that takes them."
    return showing.table("remote weights [ms]", columns, rows, caption)


def _robots_table(found: Sequence[Scaled]) -> Table:
    from hil_app.bench.remote.robots import FPS

    columns = ("", *(f"{one.robots}, {one.where}" for one in found))
    rows = [
        [name, *map(told, found)]
        for name, told in {
            "ticks/s": lambda one: f"{one.ticks_per_s:.1f} of {one.robots * FPS}",
            "updates/s": lambda one: f"{one.updates_per_s:.1f}",
            "T95 [s]": _t95,
            "cores: robots": lambda one: f"{one.robots_cpu:.2f}",
            "bridges": lambda one: f"{one.bridges_cpu:.2f}",
            "learner": lambda one: f"{one.learner_cpu:.2f}",
            "all": lambda one: f"{one.busy_cpu:.2f} of {one.cores}",
            "waiting": lambda one: str(one.waiting),
            "kB/s, each robot": lambda one: f"{one.kb_s:.0f}",
            "short of": lambda one: one.short_of,
        }.items()
    ]
    caption = (
        "T95: until 19 of the newest 20 episodes of all robots succeeded without the operator. "
        "Cores that the processes of robots, bridges and learner took, and all programs of this "
        "computer. Waiting: messages that the learner had and had not dealt with, at the end."
    )
    return showing.table("remote robots", columns, rows, caption)


def _t95(one: Scaled) -> str:
    return f"> {one.seconds:.0f}" if one.t95_s is None else f"{one.t95_s:.0f}"
