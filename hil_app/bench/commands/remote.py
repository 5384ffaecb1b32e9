"""``hil-app bench remote``: what a network's faults do to a run whose learner is elsewhere."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from configs.options.parser import count, seconds
from hil_app.bench import showing
from hil_app.support.extras import check_installed

if TYPE_CHECKING:
    from rich.table import Table

    from hil_app.bench.remote.faults import Outcome
    from hil_app.bench.remote.session import Found

DESCRIPTION = """\
Put a learner and a robot on two computers that are one: two network namespaces with a wire between
them. A virtual arm is trained at 30 Hz with two cameras, once in peace and once while something
fails at random: the bridge, the learner or Ray on the robot's computer is killed, the wire is cut,
slowed or loses packets. Then each frame that the run has recorded must be with the learner once,
and no command may be one that a motor should not see. Exit status 1 if not. Needs root (`ip netns`,
`tc`); 200 faults take hours, 20 some 20 minutes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("remote", DESCRIPTION)
    parser.add_argument("--faults", type=count, default=20, help="how many (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the faults (default: 0)")
    parser.add_argument(
        "--peace", type=seconds, default=60.0, help="of the run without faults [s] (default: 60)"
    )
    options = parser.parse_args(argv)
    check_installed("ray", "hil-app bench remote")
    from hil_app.bench.remote.session import session

    def report(one: Outcome) -> None:
        print(f"{one.fault}: {one.faults}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="hil_remote_") as folder:
        found = session(Path(folder), options.faults, options.seed, options.peace, report)
    showing.show(asdict(found), options.json, lambda: _table(found))
    return 0 if found.good else 1


def _table(found: Found) -> Table:
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
        "Of the faults: how many, and until the learner was within reach again, median and most. "
        "A kernel without netem cannot slow a wire, nor lose packets."
    )
    return showing.table("remote", ("", "", ""), rows, caption)


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
