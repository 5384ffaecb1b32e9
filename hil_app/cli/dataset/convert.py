"""``hil-app dataset convert``: a copy in the terms that most imitation learning takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.options.parser import Parser
from configs.text.paths import expanded, typed
from hil_app.cli.dataset.options import add_root, in_sight
from hil_app.support.outputs import carry_on
from hil_app.support.words import plural

if TYPE_CHECKING:
    from pathlib import Path

    from hil_app.datasets.convert import Converted

DESCRIPTION = """\
Write a copy of a dataset for other policies. Ours act by moving the gripper (delta_x, delta_y, …);
most imitation learning acts by joints. --as joints makes an ordinary dataset of that kind:

  observation.state     the measured joints: shoulder_pan.pos, … [deg], gripper.pos [%]
  observation.images.*  the images as they are: the videos are copied, not encoded again
  action                the joint targets that were sent, whoever acted

Names and units are those of lerobot's SO arms. All episodes are kept, failures too, with what is
said of each in meta/episodes (success, stage); nothing else of a frame is. lerobot then trains on
it, and `hil-app dataset replay` can do it again:

  hil-app dataset convert data/lift --out data/lift_joints --as joints
  lerobot-train --dataset.repo_id=me/lift --dataset.root=data/lift_joints --policy.type=act
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app dataset convert", DESCRIPTION)
    add_root(parser)
    parser.add_argument(
        "--out", type=expanded, required=True, metavar="NEW", help="the copy's folder, which is new"
    )
    parser.add_argument(
        "--as",
        dest="kind",
        choices=("joints",),
        required=True,
        help="what the policy sees and does in the copy",
    )
    options = parser.parse_args(list(argv))
    carry_on()
    from hil_app.datasets.convert import as_joints
    from hil_app.datasets.places import check_new, making
    from hil_app.recording.dataset import Dataset
    from hil_app.runs.folder import dataset_of

    dataset = Dataset(dataset_of(options.root))
    check_new(options.out)
    with making(options.out) as draft:
        made = as_joints(dataset, draft, lambda all: in_sight(all, "converting"))
    _tell(made, options.out)
    return 0


def _tell(made: Converted, out: Path) -> None:
    episodes, frames = plural(made.episodes, "episode"), plural(made.frames, "frame")
    print(f"{typed(out)}: {episodes}, {frames}")
    joints = zip(made.joints, made.units, strict=True)
    print(f"observation.state, action: {', '.join(f'{name} [{unit}]' for name, unit in joints)}")
