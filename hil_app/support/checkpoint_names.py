"""How the folders of checkpoints are called, and which of them there are."""

from __future__ import annotations

import re
from pathlib import Path

from configs.text.paths import option

NAME = re.compile(r"tick_(\d+)(?:_(\d+))?")  # the second number tells those of one tick apart


def checkpoints_in(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, the oldest first."""
    found = [(NAME.fullmatch(path.name), path) for path in folder.glob("tick_*")]
    ranked = [((int(m[1]), int(m[2] or 1)), path) for m, path in found if m]
    return [path for _, path in sorted(ranked)]


def others(folder: Path) -> str:
    """What to do about a checkpoint that is no use: name one of those beside it."""
    known = [option("checkpoint", path) for path in checkpoints_in(folder.parent) if path != folder]
    return f"name another, {' or '.join(known)}" if known else "there is no other beside it"
