"""``hil-app dataset repair``: bring back what a crash left of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hil_app.cli.dataset_options import Parser, add_root, plural

if TYPE_CHECKING:
    from hil_app.recording.repair import Repaired

DESCRIPTION = """\
Bring a dataset in order after a crash: what there is of the episode that was under way becomes an
episode, marked as cut short, and files that no episode needs are removed. Then every episode is
looked at; what cannot be read is named, and is for a copy to bring back. Doing it again changes
nothing, and the next recording does the same by itself.

  hil-app dataset repair data/lift
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if an episode is still damaged."""
    parser = Parser("repair", DESCRIPTION)
    add_root(parser)
    options = parser.parse_args(list(argv))
    from hil_app.datasets.places import root_of
    from hil_app.recording.dataset import Dataset
    from hil_app.recording.repair import damage, repair

    root = root_of(options.root)
    print("\n".join(_told(repair(root))))
    dataset = Dataset(root)
    problems = list(damage(dataset))
    for problem in problems:
        print(f"damaged: {problem}")
    good = len(dataset.episodes) - len({problem.split(":")[0] for problem in problems})
    print(f"{root}: {good} of {plural(len(dataset.episodes), 'episode')} can be read")
    return 1 if problems else 0


def _told(found: Repaired) -> list[str]:
    if not found.anything:
        return ["nothing to repair"]
    said = [f"removed {name}, which no episode needs" for name in found.removed]
    if found.episode is not None:
        how = "it had been finished" if found.whole else "its last frame is marked as truncated"
        frames = plural(found.frames, "frame")
        said.append(f"brought back episode {found.episode} with {frames}: {how}")
    return said
