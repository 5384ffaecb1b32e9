"""``hil-app runs clean``: remove runs that are named, or that hold nothing of use."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.runs.folder import RUNS
from hil_app.support.words import data_size, plural

if TYPE_CHECKING:
    from hil_app.runs.browse.overview import RunOverview

DESCRIPTION = """\
Remove the runs that you name, or, without any, those in runs/ that never learned and recorded
nothing. What would go is listed with its size first, and you are asked. Nothing outside a run's
folder is touched, whatever links in it lead to; a run that goes on stays.

  hil-app runs clean
  hil-app runs clean runs/2026-01-31_12-00-00_train runs/bad
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if not all of it could be removed."""
    parser = Parser("hil-app runs clean", DESCRIPTION)
    parser.add_argument("runs", nargs="*", type=expanded, metavar="RUN", help="which")
    parser.add_argument("--yes", action="store_true", help="remove them without asking")
    options = parser.parse_args(list(argv))
    from hil_app.cli.runs.table import print_runs

    chosen = _chosen(options)
    if not chosen:
        print(f"nothing to remove: every run in {RUNS}/ has learned, or recorded something")
        return 0
    print_runs(chosen)
    for one in chosen:
        if one.recorded:
            print(f"{one.folder} holds recorded episodes")
    what = f"{plural(len(chosen), 'run')}, {data_size(sum(one.size for one in chosen))}"
    if not (options.yes or _agrees(what)):
        print("nothing is removed")
        return 0
    return _remove(chosen)


def _chosen(options: Namespace) -> list[RunOverview]:
    """The runs to remove; ConfigError if one that is named cannot be."""
    from hil_app.runs.browse.overview import overview, overviews
    from hil_app.runs.browse.removal import refusal, worthless

    if not options.runs:
        return worthless(overviews(RUNS))
    named = [overview(folder) for folder in dict.fromkeys(options.runs)]
    for reason in filter(None, map(refusal, named)):
        raise ConfigError(reason)
    return named


def _agrees(what: str) -> bool:
    """Whether the operator wants that; Enter alone is no."""
    from hil_app.cli.arm.guide import Guide, InputEnded

    try:
        answer = Guide().ask(f"Remove for good: {what}? [y/N]")
    except InputEnded:
        raise ConfigError(f"nobody is there to agree to the removal of {what}: say --yes") from None
    return answer.strip().lower() in ("y", "yes")


def _remove(chosen: Sequence[RunOverview]) -> int:
    from hil_app.runs.browse.removal import remove

    failed = 0
    for one in chosen:
        try:
            remove(one)
            print(f"removed {one.folder}")
        except OSError as error:
            failed = 1
            print(f"cannot remove {one.folder}: {error.strerror}")
    return failed
