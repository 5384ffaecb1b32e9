"""Moving episodes out of a dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

from hil_app.files import remove_file, sync
from hil_app.recording.layout import INFO, data_file, episodes_file, video_file
from hil_app.recording.ledger import Ledger


def set_aside(ledger: Ledger, count: int, place: Path) -> int:
    """Move all but the first ``count`` episodes to ``place``; returns how many those are.

    They are copied first and removed last, so that no crash can lose one. OSError if the disk
    refuses.
    """
    root, info = ledger.root, ledger.info
    rest = range(count, info.episodes)
    groups = {episodes_file(root, episode) for episode in rest}
    files = [
        path
        for episode in rest
        for path in (
            data_file(root, episode),
            *(video_file(root, key, episode) for key in info.cameras.values()),
        )
    ]
    for path in [root / INFO, *sorted(groups), *files]:
        there = place / path.relative_to(root)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, there)
        sync(there)  # a file is synced as a folder is
    ledger.truncate(count)
    shared = {episodes_file(root, count - 1)} if count else set()
    for path in [*files, *sorted(groups - shared)]:
        remove_file(path)
    return info.episodes - count
