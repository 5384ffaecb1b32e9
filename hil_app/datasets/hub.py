"""Datasets on the Hugging Face hub: a tag says the format's version, and readers ask for it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from configs.text.writing import DRAFT
from hil_app.datasets.editing.build import EDITS
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.inside import check_no_links_out
from hil_app.recording.format.layout import RECOVERY, SET_ASIDE, VERSION, DatasetError
from hil_app.support.hub import check_name, client, hub_errors, upload
from hil_app.support.words import plural

KIND = "dataset"
CARD = """\
---
tags:
- LeRobot
- robotics
configs:
- config_name: default
  data_files: data/*/*.parquet
---

A [LeRobotDataset](https://github.com/huggingface/lerobot) {version} of {episodes},
{frames} frames at {fps:g} Hz, of a {robot}, recorded with hil-app.
"""


def push(root: Path, repo: str, *, private: bool = True) -> str:
    """Upload the whole episodes of the dataset in ``root`` to ``repo``; returns where it is.

    Images show somebody's home: everybody may see them only if ``private`` is false, which a
    repository that is there already and public needs, too. DatasetError if it is no dataset or a
    link leads out of it, HubError if the hub's client is missing, or the hub refuses.
    """
    check_name(repo, KIND)
    dataset = Dataset(root)
    check_no_links_out(root)
    hub = client()
    with hub_errors(repo):
        api = hub.HfApi()
    upload(
        api,
        repo,
        root,
        kind=KIND,
        private=private,
        shows="the images",
        message=plural(len(dataset.episodes), "episode"),
        card=_card(dataset).encode(),
        ignore=[f"{RECOVERY}/*", f"{SET_ASIDE}/*", str(EDITS), f"*{DRAFT}"],
    )
    with hub_errors(repo):
        with suppress(hub.errors.RevisionNotFoundError):  # of an earlier upload
            api.delete_tag(repo, tag=VERSION, repo_type=KIND)
        api.create_tag(repo, tag=VERSION, repo_type=KIND)
    return f"https://huggingface.co/datasets/{repo}"


def pull(repo: str, root: Path) -> Dataset:
    """Download the dataset of ``repo`` into the folder ``root``, a new one: whole or not at all.

    HubError if the hub's client is missing or the hub refuses; DatasetError if it is no dataset of
    ours, or something is in ``root``.
    """
    check_name(repo, KIND)
    hub = client()
    with making(root) as draft:
        with hub_errors(repo):
            hub.snapshot_download(repo, repo_type=KIND, revision=VERSION, local_dir=str(draft))
        _check_readable(draft, repo)
    return Dataset(root)


def _check_readable(root: Path, repo: str) -> None:
    try:
        Dataset(root)
    except DatasetError as error:
        raise DatasetError(str(error).replace(str(root), f"{repo} on the hub")) from None


def _card(dataset: Dataset) -> str:
    """What the hub shows of it, and how the ecosystem finds it."""
    return CARD.format(
        version=VERSION,
        episodes=plural(len(dataset.episodes), "episode"),
        frames=len(dataset),
        fps=dataset.fps,
        robot=dataset.robot_type,
    )
