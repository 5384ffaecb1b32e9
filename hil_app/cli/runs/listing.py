"""``hil-app runs``: what runs there are, and what each came to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded
from configs.text.reading import did_you_mean
from hil_app.runs.folder import RUNS

COMMANDS = ("show", "compare", "clean")
DESCRIPTION = """\
List the runs in a folder, the newest last: when it began, ticks and whole episodes of what it was
for, the updates of its policy, its success, and its size on the disk. Success is that of the last
evaluation without interventions, or else of the last episodes with the operator's help.

  hil-app runs
  hil-app runs show runs/first
  hil-app runs compare runs/first runs/second --out comparison.png
  hil-app runs clean
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app runs", DESCRIPTION)
    parser.add_argument(
        "folder",
        nargs="?",
        type=expanded,
        metavar="FOLDER",
        help=f"where they lie (default: {RUNS}/)",
    )
    parser.add_argument("--json", action="store_true", help="print them as JSON")
    options = parser.parse_args(list(argv))
    from hil_app.cli.runs.table import print_runs
    from hil_app.runs.browse.facts import figures
    from hil_app.runs.browse.overview import overviews

    runs = overviews(_folder(options.folder))
    if options.json:
        print(json.dumps([{"run": str(run.folder), **figures(run)} for run in runs], indent=2))
    elif runs:
        print_runs(runs)
    else:
        print(f"no runs in {options.folder or RUNS}/: `hil-app demo` makes one")
    return 0


def _folder(named: Path | None) -> Path:
    """Where to look; ConfigError if a word is no folder, and may be a command."""
    if named is not None and not named.is_dir():
        hint = did_you_mean(str(named), COMMANDS)
        known = ", ".join(COMMANDS)
        raise ConfigError(f"there is no folder {named}{hint}; below runs are the commands {known}")
    return RUNS if named is None else named
