"""``hil-app bench robust``: how a trained policy does where something is not as it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from configs.load import read, validate
from configs.options.parser import count
from hil_app.bench import showing
from hil_app.runs.chosen_run import add_run, checkpoint_of
from hil_app.runs.folder import config_of

if TYPE_CHECKING:
    from rich.table import Table

    from hil_app.bench.learning.robust import Outcome

DESCRIPTION = """\
How a policy that was trained on a simulated arm does in scenes of which one thing is changed: the
light, a colour, where the front camera is, noise, delay. Nobody helps. Without --conditions it is
all that reach the policy: one without images is spared other light.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("robust", DESCRIPTION)
    add_run(parser)
    parser.add_argument(
        "--episodes", type=count, default=50, help="scenes of each condition (default: 50)"
    )
    parser.add_argument(
        "--conditions", nargs="+", metavar="NAME", help="some of them, by their names in the table"
    )
    options = parser.parse_args(argv)
    checkpoint = checkpoint_of(options)
    config = validate(read(str(config_of(checkpoint))))
    from rich.console import Console
    from rich.progress import track

    from hil_app.bench.learning import robust  # loads torch: only once the options are good
    from hil_app.learning.checkpoint import load_policy
    from hil_app.runs.session import calm_threads

    known = robust.CONDITIONS
    if unknown := [name for name in options.conditions or () if name not in known]:
        parser.error(f"no condition {', '.join(unknown)}; known: {', '.join(known)}")
    names = options.conditions or [name for name in known if known[name].reaches(config)]
    calm_threads()
    policy = load_policy(checkpoint, config.seed)
    found = list(
        track(
            robust.outcomes(config, policy, options.episodes, names),
            "[dim]conditions",
            total=len(names),
            console=Console(stderr=True),
            transient=True,
        )
    )
    result = {"checkpoint": str(checkpoint), "outcomes": [asdict(one) for one in found]}
    showing.show(result, options.json, lambda: _table(found))
    return 0


def _table(found: Sequence[Outcome]) -> Table:
    rows: list[showing.TableRow] = [
        [
            f"{one.condition}: {one.says}",
            f"{one.successes} of {one.episodes}",
            "–" if one.ticks is None else f"{one.ticks:.0f}",
        ]
        for one in found
    ]
    return showing.table("robust", ("condition", "success", "ticks"), rows)
