"""``hil-app dataset view``: episodes as images and timelines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.load import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.cli.dataset.options import add_root, in_sight
from hil_app.recording.format.inside import DatasetError
from hil_app.support.words import plural

if TYPE_CHECKING:
    from hil_app.recording.dataset import Dataset

DESCRIPTION = """\
Draw a figure for each episode: images of every camera, evenly spaced, and below them a timeline of
actions, gripper commands, penalties and rewards, with what an operator did shaded, pauses, and how
it ended. An episode that cannot be read is named and left out.

  hil-app dataset view data/lift --episode 3
  hil-app dataset view runs/2026-01-31_12-00-00_train --out figures
"""
FOLDER = "figures"


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if an episode cannot be drawn."""
    parser = Parser("hil-app dataset view", DESCRIPTION)
    add_root(parser)
    parser.add_argument(
        "--episode",
        type=int,
        action="append",
        metavar="K",
        help="which, from 0 on; may be given several times (default: all)",
    )
    parser.add_argument(
        "--out",
        type=expanded,
        default=Path(FOLDER),
        metavar="FOLDER|FILE.png",
        help=f"where the figures go (default: {FOLDER})",
    )
    options = parser.parse_args(list(argv))
    from hil_app.datasets.places import check_episode
    from hil_app.recording.dataset import Dataset
    from hil_app.runs.folder import dataset_of

    dataset = Dataset(dataset_of(options.root))
    wanted = range(len(dataset.episodes)) if options.episode is None else options.episode
    for episode in wanted:
        check_episode(dataset, episode)
    paths = _paths(options.out, wanted)
    try:
        faults = _draw(dataset, paths)
    except OSError as error:
        raise ConfigError(f"--out: cannot write {options.out}: {error.strerror}") from error
    if dataset.left_out:
        print(dataset.left_out)
    where = options.out if len(paths) != 1 else next(iter(paths.values()))
    print(f"{plural(len(paths) - len(faults), 'figure')}: {where}")
    return 1 if faults else 0


def _draw(dataset: Dataset, paths: dict[int, Path]) -> list[DatasetError]:
    """Draw the figures; returns why some could not be. DatasetError if that is so of all."""
    from hil_app.datasets.figure import draw_figure

    faults = []
    for episode, path in in_sight(list(paths.items()), "drawing"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draw_figure(dataset, episode, path)
        except DatasetError as error:
            faults.append(error)
            if len(faults) == len(paths):
                raise
    for fault in faults:
        print(f"left out: {fault}", file=sys.stderr)
    return faults


def _paths(out: Path, episodes: Sequence[int]) -> dict[int, Path]:
    """Where the figure of each episode goes."""
    if out.suffix.lower() != ".png":
        return {episode: out / f"episode_{episode:06d}.png" for episode in episodes}
    if len(episodes) != 1:
        raise ConfigError(f"--out: {out} is one file: name a folder, or one --episode")
    return {episodes[0]: out}
