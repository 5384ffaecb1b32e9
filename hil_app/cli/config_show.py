"""``hil-app config show``: print the configuration that a run would use."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, dump, load

DESCRIPTION = """\
Print the configuration that preset, file and options come to, as YAML that --config_path takes.

  hil-app config show --config_path so101_pick_lift --env.fps=20
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    config, _ = load(Parser("hil-app config show", DESCRIPTION), argv, DEFAULT_PRESET)
    print(dump(config), end="")
    return 0
