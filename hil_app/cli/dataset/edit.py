"""``hil-app dataset edit``: delete, restore, mark and trim episodes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded, typed
from hil_app.cli.dataset.options import add_root, in_sight
from hil_app.support.outputs import carry_on
from hil_app.support.words import data_size, plural

if TYPE_CHECKING:
    from hil_app.datasets.editing.change import Changed
    from hil_app.datasets.editing.edits import Edit

DESCRIPTION = """\
Edit a dataset: leave episodes out, cut frames off their ends, and say which succeeded. It is
changed in place, and what it was is kept beside it, in ROOT.undo: --undo takes the last edit back,
and --restore brings a deleted episode back, behind all others. With --to the edited dataset is a
new one. Nothing is encoded again. Without operations it lists the edits that were made, and what
can be restored.

A mark writes what an operator's press at the episode's last frame would have written: success ends
it with the reward 1, failure with 0. An episode whose end is cut off is cut short, and no success
unless it is marked as one. Rewards that an environment gave (others than 0 and 1) stay.

  hil-app dataset edit data/lift --delete 3 7 --failure 2 --trim 4=10:55
  hil-app dataset edit data/lift --success 12 --to data/lift_marked
  hil-app dataset edit data/lift --undo
"""
_MARKS = {
    "delete": "episodes to leave out",
    "success": "episodes that succeeded",
    "failure": "episodes that failed",
}
_TRIM, _RESTORE = re.compile(r"(\d+)=(\d*):(\d*)"), re.compile(r"(\d+):(\d+)")


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(list(argv))
    from hil_app.datasets.editing.change import edit_in_place, purge, save_as, undo
    from hil_app.runs.folder import dataset_of

    root, edit = dataset_of(options.root), _edit(options)
    _check(options, edit)
    if options.undo:
        carry_on()
        _tell(undo(root, lambda kept: in_sight(kept, "writing")), "the last edit is undone")
    elif options.purge:
        if not (options.yes or _agrees(root)):
            print("nothing is removed")
            return 0
        purge(root)
        print(f"{root}: what edits had kept is removed for good")
    elif not edit:
        _list(root)
    elif options.to is not None:
        carry_on()
        _tell(save_as(root, edit, options.to, lambda kept: in_sight(kept, "writing")))
    else:
        carry_on()
        _tell(
            edit_in_place(root, edit, lambda kept: in_sight(kept, "writing")),
            "--undo takes it back",
        )
    return 0


def _parser() -> Parser:
    parser = Parser("hil-app dataset edit", DESCRIPTION)
    add_root(parser)
    for name, what in _MARKS.items():
        parser.add_argument(
            f"--{name}",
            type=_number,
            metavar="K",
            help=what,
            nargs="+",
            action="extend",
            default=[],
        )
    parser.add_argument(
        "--restore",
        type=_restore,
        metavar="EDIT:K",
        help="deleted episodes to bring back: the edit, from 1 on, and their numbers before it",
        nargs="+",
        action="extend",
        default=[],
    )
    parser.add_argument(
        "--trim",
        type=_trim,
        metavar="K=FIRST:LAST",
        help="frames to keep of episode K, from 0 on; either may be left out",
        nargs="+",
        action="extend",
        default=[],
    )
    parser.add_argument(
        "--to", type=expanded, metavar="NEW", help="a new folder for the edited dataset"
    )
    parser.add_argument("--undo", action="store_true", help="take the last edit in place back")
    parser.add_argument(
        "--purge", action="store_true", help="remove for good what edits in place have kept"
    )
    parser.add_argument("--yes", action="store_true", help="--purge without asking")
    return parser


def _edit(options: argparse.Namespace) -> Edit:
    """The operations that are asked for; DatasetError if a frame is not there."""
    from hil_app.datasets.editing.edits import Delete, Mark, Restore, Trim

    return (
        *(Delete(episode=episode) for episode in options.delete),
        *(Trim(episode=k, first=first, last=last) for k, first, last in _trims(options)),
        *(Mark(episode=episode, success=True) for episode in options.success),
        *(Mark(episode=episode, success=False) for episode in options.failure),
        *(Restore(edit=edit, episode=episode) for edit, episode in options.restore),
    )


def _trims(options: argparse.Namespace) -> list[tuple[int, int, int]]:
    """The frames to keep, where the last one may be the episode's."""
    if not options.trim:
        return []
    from hil_app.datasets.places import check_episode
    from hil_app.recording.dataset import Dataset
    from hil_app.runs.folder import dataset_of

    dataset, found = Dataset(dataset_of(options.root)), []
    for episode, first, last in options.trim:
        check_episode(dataset, episode, "--trim")
        end = dataset.episodes[episode].length - 1 if last is None else last
        found.append((episode, first, end))
    return found


def _check(options: argparse.Namespace, edit: Edit) -> None:
    """ConfigError if options contradict each other; DatasetError if the new folder is not new."""
    from hil_app.datasets.places import check_new

    asked = [name for name in ("undo", "purge") if getattr(options, name)]
    if edit:
        asked.append("operations")
    if len(asked) > 1:
        raise ConfigError(f"--{asked[0]}: give it alone, without {asked[1]}")
    if options.to is not None and not edit:
        raise ConfigError("--to: say what is to be edited, such as --delete 3")
    if options.to is not None:
        check_new(options.to, "--to")


def _agrees(root: Path) -> bool:
    """Whether the operator wants to lose what edits have kept; Enter alone is no."""
    from hil_app.cli.arm.guide import Guide, InputEnded
    from hil_app.datasets.editing.history import History

    history = History(root)
    what = (
        f"{plural(len(history.edits), 'edit')} can be undone, {len(history.restorable())} deleted"
    )
    try:
        answer = Guide().ask(f"{what} episodes restored. Remove that for good? [y/N]")
    except InputEnded:
        raise ConfigError("--purge: nobody is there to agree to it: say --yes") from None
    return answer.strip().lower() in ("y", "yes")


def _tell(made: Changed, note: str = "") -> None:
    said = f"{plural(made.episodes, 'episode')}, {plural(made.frames, 'frame')}"
    print(f"{typed(made.root)}: {said}{f'; {note}' if note else ''}")


def _list(root: Path) -> None:
    """Print what was edited in place, and what can come back."""
    from hil_app.datasets.editing.edits import described
    from hil_app.datasets.editing.history import History
    from hil_app.recording.dataset import Dataset

    dataset, history = Dataset(root), History(root)
    print(
        f"{typed(root)}: {plural(len(dataset.episodes), 'episode')}, edited in place "
        f"{plural(len(history.edits), 'time')}"
    )
    for number, one in enumerate(history.edits, 1):
        print(f"edit {number}, {one.at}: {'; '.join(described(one.operations))}")
    for number, about in history.restorable():
        print(f"--restore {number}:{about.index} brings back {plural(about.length, 'frame')}")
    if history.folder.is_dir():
        print(f"{data_size(history.size())} in {typed(history.folder)}, until --purge")


def _number(said: str) -> int:
    if not said.isdecimal() or len(said) > 9:
        raise argparse.ArgumentTypeError(f"{said} is no number of an episode")
    return int(said)


def _trim(said: str) -> tuple[int, int, int | None]:
    found = _TRIM.fullmatch(said)
    if found is None or max(map(len, found.groups())) > 8:
        raise argparse.ArgumentTypeError(f"{said} is no K=FIRST:LAST, such as 4=10:55")
    episode, first, last = found.groups()
    return int(episode), int(first or 0), int(last) if last else None


def _restore(said: str) -> tuple[int, int]:
    found = _RESTORE.fullmatch(said)
    if found is None or max(map(len, found.groups())) > 8:
        raise argparse.ArgumentTypeError(f"{said} is no EDIT:K, such as 1:4")
    return int(found[1]), int(found[2])
