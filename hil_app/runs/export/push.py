"""A trained policy on the Hugging Face hub, as much of its run's folder as it needs to act."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hil_app.learning.checkpoint import POLICY, STATE
from hil_app.learning.manifest import MANIFEST
from hil_app.runs.folder import CHECKPOINTS, CONFIG, config_of, updates_of
from hil_app.support.hub import check_name, client, hub_errors, upload
from hil_app.support.words import plural

KIND = "model"
CARD = """\
---
tags:
- robotics
- reinforcement-learning
- hil-app
---

A policy of hil-app, after {updates}, with the configuration of its run. To have it act:

    hf download {repo} --local-dir runs/{name}
    hil-app eval runs/{name}
"""


def push_policy(checkpoint: Path, repo: str, *, private: bool = True) -> str:
    """Upload the policy of a checkpoint to ``repo``; returns where it is.

    Everybody may see it only if ``private`` is false. HubError if the hub's client is missing, or
    the hub refuses.
    """
    check_name(repo, KIND)
    hub = client()
    with hub_errors(repo):
        api = hub.HfApi()
    learned = plural(updates_of(checkpoint) or 0, "update")
    card = CARD.format(updates=learned, repo=repo, name=repo.partition("/")[2])
    with TemporaryDirectory(prefix="hil-app-") as place:
        _gather(checkpoint, Path(place))
        upload(
            api,
            repo,
            Path(place),
            kind=KIND,
            private=private,
            shows="the policy, and the configuration of its run",
            message=f"{checkpoint.name}: {learned}",
            card=card.encode(),
            ignore=[],
        )
    return f"https://huggingface.co/{repo}"


def _gather(checkpoint: Path, place: Path) -> None:
    """Copy what a run's folder must have for the policy to act."""
    there = place / CHECKPOINTS / checkpoint.name
    shutil.copytree(checkpoint / POLICY, there / POLICY)
    for name in (STATE, MANIFEST):
        shutil.copyfile(checkpoint / name, there / name)
    shutil.copyfile(config_of(checkpoint), place / CONFIG)
