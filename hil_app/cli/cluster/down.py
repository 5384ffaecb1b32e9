"""``hil-app cluster down``: take this computer out of its cluster."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from hil_app.remote.membership import down

DESCRIPTION = """\
End what `hil-app cluster up` has started on this computer, and nothing else. On the computer that
came first that is the end of the cluster: learners, tasks and sweeps in it end.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    Parser("hil-app cluster down", DESCRIPTION).parse_args(list(argv))
    found = down()
    print("the cluster is down" if found.first else f"out of the cluster of {found.address}")
    return 0
