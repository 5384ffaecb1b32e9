"""``hil-app config show``: the merged configuration."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import Parser, dump, load
from hil_app.cli.train import DEFAULT

DESCRIPTION = """\
Print the configuration that preset, file and options come to, as YAML that --config_path takes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser(prog="hil-app config", description=DESCRIPTION)
    parser.add_argument("action", choices=["show"], help="show: print the merged configuration")
    config, _ = load(parser, argv, DEFAULT)
    print(dump(config), end="")
    return 0
