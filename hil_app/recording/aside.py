"""Moving episodes out of a dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

from hil_app.recording.disk import remove, sync_folder
from hil_app.recording.layout import INFO, data_file, episode_file, video_file
from hil_app.recording.ledger import Ledger


def set_aside(ledger: Ledger, count: int, place: Path) -> int:
    """Move all but the first ``count`` episodes to ``place``; returns how many those are.

    They are copied first and removed last, so that no crash can lose one. OSError if the disk
    refuses.
    """
    root, info = ledger.root, ledger.info
    files = [
        path
        for episode in range(count, info.episodes)
        for path in (
            data_file(root, episode),
            episode_file(root, episode),
            *(video_file(root, key, episode) for key in info.cameras.values()),
        )
    ]
    for path in [root / INFO, *files]:
        there = place / path.relative_to(root)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, there)
        sync_folder(there)  # a file is synced as a folder is
    ledger.truncate(count)
    for path in files:
        remove(path)
    return info.episodes - count
