"""The page for those who come from lerobot says of its config what the import does."""

from __future__ import annotations

import re

from handbook import ROOT

from configs.lerobot.rules import _RULES

TABLE = (ROOT / "docs/coming-from.md").read_text().partition("## lerobot's config")[2]
ROW = re.compile(r"^\| (`[^|]*) \| (`[^|]*) \|$", re.MULTILINE)


def names(cell: str) -> list[str]:
    """The keys of a cell; one that begins with a dot stands beside the one before it."""
    found: list[str] = []
    for name in re.findall(r"`(\.?[\w.]+)(?::[^`]*)?`", cell):
        beside = found[-1].rpartition(".")[0] if name.startswith(".") and found else ""
        found.append(beside + name)
    return found


def test_keys_go_where_the_import_puts_them() -> None:
    checked = 0
    for theirs, ours in ROW.findall(TABLE.partition("\n## ")[0]):
        for key, place in zip(names(theirs), names(ours), strict=False):
            rule = _RULES.get(key)
            if rule is not None and rule.ours is not None:
                assert ".".join(rule.ours) == place, key
                checked += 1
    assert checked > 12
