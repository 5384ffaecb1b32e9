"""``hil-app learner status``: what a learner is at, and who has joined it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from hil_app.cli.learner.reached import asked, must_find, parser_of, reached
from hil_app.support.tables import print_table

DESCRIPTION = """\
Show what a learner is at: its updates, and of each robot what has come, what is safe on disk, what
was refused, and its last evaluation.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status, which is 1 if the learner has died."""
    parser = parser_of("status", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="as JSON")
    options = parser.parse_args(list(argv))
    with reached(options.address) as ray:
        facts = asked(ray, must_find(ray, options.name), "status").facts
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        _show(facts)
    return int(bool((facts["learner"] or {}).get("dead")))


def _show(facts: dict[str, Any]) -> None:
    minutes = (time.time() - facts["since"]) / 60
    where = f"on {facts['host']} (process {facts['pid']}, {facts['gpus']} GPUs)"
    print(f"learner {facts['name']} {where}, for {minutes:.0f} min, in {facts['folder']}")
    learner = facts["learner"]
    if learner is None:
        print("no robot has joined it yet: the first one says what is learned")
        return
    rate = f"{learner['updates_per_second']:.1f}/s"
    print(f"{learner['updates']} updates ({rate}) on {learner['device']}, ", end="")
    print(f"checkpoint {learner['checkpoint'] or 'none yet'}")
    if learner["dead"]:
        print(learner["dead"])
    table = Table("robot", "here", "messages", "safe", "refused", "rows", "shown", "share", "eval")
    for one in facts["robots"]:
        found = one["evaluation"]
        table.add_row(
            one["robot"],
            "yes" if one["here"] else "no",
            *(str(one[name]) for name in ("received", "safe", "refused", "rows", "shown")),
            f"{one['share']:g}",
            "" if not found else f"{found['successes']}/{found['episodes']}",
        )
    print_table(table)
