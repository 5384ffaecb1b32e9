"""``hil-app config import``: make our configuration of one of lerobot."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from configs.load import ConfigError, Parser
from configs.text.paths import expanded, typed
from configs.text.reading import shown
from configs.text.writing import write_whole

if TYPE_CHECKING:
    from configs.lerobot.translation import Imported

DESCRIPTION = """\
Read a config of lerobot's gym_manipulator (for an SO100 or SO101, or for gym_hil) or of
lerobot-record, JSON or YAML, and write ours: YAML that --config_path takes. What means something
else here, and what has no counterpart, is listed by name; nothing is dropped in silence.

  hil-app config import env_config.json --save mine.yaml
  hil-app train --config_path mine.yaml
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from configs.lerobot.translation import read_lerobot

    parser = Parser("hil-app config import", DESCRIPTION)
    parser.add_argument("file", type=expanded, help="lerobot's config, a JSON or YAML file")
    parser.add_argument("--save", type=expanded, metavar="YAML", help="file to write (else: print)")
    options = parser.parse_args(list(argv))
    imported = read_lerobot(options.file)
    text = f"# Made by `hil-app config import {shown(typed(options.file.name))}`.\n"
    text += yaml.safe_dump(imported.content, sort_keys=False, default_flow_style=None)
    if options.save is None:
        _tell(imported)
        print(text, end="")
        return 0
    _write(options.save, text)
    _tell(imported)
    print(f"Look it over, then: hil-app train --config_path {typed(options.save)}", file=sys.stderr)
    return 0


def _write(path: Path, text: str) -> None:
    """Write the new file; ConfigError if it is there already, or cannot be written."""
    try:
        if os.path.lexists(path):
            raise ConfigError(f"--save: {path} is there already: name a new file")
        write_whole(path, text.encode())
    except OSError as error:
        raise ConfigError(f"--save: cannot write {path}: {error.strerror}") from error


def _tell(imported: Imported) -> None:
    """List on stderr what became of their values."""
    same = sum(entry.kind == "taken" for entry in imported.entries if entry.keys)
    nothing = sum(entry.kind == "nothing" for entry in imported.entries if entry.keys)
    lines = [f"{same} values mean the same here."]
    lines += [f"{nothing} are null or empty, and ask for nothing."] * bool(nothing)
    for kind, title in (("changed", "Taken, but look at these:"), ("left out", "Left out:")):
        rows = [entry for entry in imported.entries if entry.kind == kind]
        lines += [title] * bool(rows)
        for entry in rows:
            value = "null" if entry.value is None else entry.value
            ours = f"{'.'.join(entry.ours)}={value}" if entry.ours else ""
            places = " -> ".join(filter(None, (entry.name, ours)))
            lines.append(f"  {places}: {entry.note}")
    print("\n".join(lines), file=sys.stderr)
