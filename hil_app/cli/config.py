"""``hil-app config show``: the merged configuration."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, dump, load

DESCRIPTION = """\
Print the configuration that preset, file and options come to, as YAML that --config_path takes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser(prog="hil-app config show", description=DESCRIPTION)
    parser.add_argument("action", choices=["show"], help="show: print the merged configuration")
    config, _ = load(parser, argv, DEFAULT_PRESET)
    print(dump(config), end="")
    return 0
