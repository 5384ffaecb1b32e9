"""``hil-app config show``: print the configuration that a run would use."""

from __future__ import annotations

from collections.abc import Sequence

from configs.load import DEFAULT_PRESET, Parser, dump, load_with_origins, presets
from configs.options.commented import commented, origins
from configs.text.reading import shown

DESCRIPTION = """\
Print the configuration that preset, file and options come to, as YAML for --config_path. --explain
says what each value is for, and where it comes from.

  hil-app config show so101_pick_lift --env.fps=20
  hil-app config show runs/first
  hil-app config show --explain > mine.yaml
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app config show", DESCRIPTION)
    parser.add_place(
        "config_path",
        "--config_path",
        metavar="PRESET",
        help=f"a preset ({', '.join(presets())}), a YAML file or a run's folder (default: "
        f"{DEFAULT_PRESET})",
    )
    parser.add_argument("--explain", action="store_true", help="with descriptions and origins")
    found = load_with_origins(parser, argv, DEFAULT_PRESET)
    if found.options.explain:
        kind = "preset" if found.base.name in presets() else "file"
        base = f"{kind} {shown(found.base.name)}"
        text = commented(found.config, origins(base, found.content, found.given))
    else:
        text = dump(found.config)
    print(text, end="")
    return 0
