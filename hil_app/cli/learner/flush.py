"""``hil-app learner flush``: send what a run could not."""

from __future__ import annotations

from collections.abc import Sequence

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded

DESCRIPTION = """\
Send what a run recorded for its learner and could not, as that was out of reach. What is sent twice
counts once. A run that goes on by --resume does the same by itself.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app learner flush", DESCRIPTION)
    parser.add_argument("run", type=expanded, metavar="RUN", help="the run's folder")
    parser.add_argument("--address", metavar="HOST:PORT", help="where the cluster is now")
    options = parser.parse_args(list(argv))
    if not options.run.is_dir():
        raise ConfigError(f"there is no folder {options.run}")
    from hil_app.build.learning import BRIDGE
    from hil_app.learning.elsewhere.flush import flush
    from hil_app.runs.folder import claim
    from hil_app.support.events import EventLog

    with claim(options.run):
        count = flush(BRIDGE, options.run, EventLog(), options.address)
    print(f"{count} messages are with the learner" if count else "nothing was left to send")
    return 0
