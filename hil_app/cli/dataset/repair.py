"""``hil-app dataset repair``: bring back what a crash left of an episode."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from hil_app.cli.dataset.options import add_root, in_sight
from hil_app.support.outputs import carry_on
from hil_app.support.words import plural

DESCRIPTION = """\
Bring a dataset in order after a crash or damage: what there is of the episode that was under way
becomes an episode, marked as cut short (or several, where frames amid it cannot be read), and whole
episodes that meta/ does not know count again. Nothing is deleted: files that no episode needs are
moved to set_aside/ in the dataset, with a note. Then every episode is looked at; what cannot be
read is named, and is for a copy to bring back. Doing it again changes nothing, and the next
recording does the same by itself.

  hil-app dataset repair data/lift
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if an episode is still damaged."""
    parser = Parser("hil-app dataset repair", DESCRIPTION)
    add_root(parser)
    options = parser.parse_args(list(argv))
    carry_on()
    from hil_app.recording.dataset import Dataset
    from hil_app.recording.mending.damage import damage
    from hil_app.recording.mending.repair import repair, report_of
    from hil_app.runs.folder import dataset_of

    root = dataset_of(options.root)
    print("\n".join(report_of(repair(root)) or ["nothing to repair"]))
    dataset = Dataset(root)
    problems = list(damage(dataset, lambda found: in_sight(found, "looking at")))
    for problem in problems:
        print(f"damaged: {problem}")
    good = len(dataset.episodes) - len({problem.split(":")[0] for problem in problems})
    print(f"{root}: {good} of {plural(len(dataset.episodes), 'episode')} can be read")
    return 1 if problems else 0
