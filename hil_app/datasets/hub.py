"""Datasets on the Hugging Face hub, through its own client.

The calls follow what the ecosystem's tools do (a tag says the format's version, and readers ask for
it), but they have only been tried against a stand-in: these tests have no network and no account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from configs.text.writing import DRAFT
from hil_app.datasets.places import making
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.inside import check_no_links_out
from hil_app.recording.format.layout import RECOVERY, SET_ASIDE, VERSION, DatasetError
from hil_app.support.caches import for_hub
from hil_app.support.extras import how_to_install
from hil_app.support.words import plural

KIND = "dataset"
NAME = re.compile(r"[\w.-]+/[\w.-]+")
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
    repository that is there already and public needs, too. DatasetError if it is no dataset, a
    link leads out of it, the hub's client is missing, or the hub refuses.
    """
    _check_name(repo)
    dataset = Dataset(root)
    check_no_links_out(root)
    hub = _client()
    with _hub_errors(repo):
        api = hub.HfApi()
        api.create_repo(repo, repo_type=KIND, private=private, exist_ok=True)
        open_to_all = getattr(api.repo_info(repo, repo_type=KIND), "private", None) is False
    if private and open_to_all:
        raise DatasetError(
            f"{repo} is public: everybody would see the images. Say --public if they may, or make "
            "it private on the hub"
        )
    with _hub_errors(repo):
        api.upload_folder(
            repo_id=repo,
            repo_type=KIND,
            folder_path=str(root),
            ignore_patterns=[f"{RECOVERY}/*", f"{SET_ASIDE}/*", f"*{DRAFT}"],
            commit_message=plural(len(dataset.episodes), "episode"),
        )
        if not api.file_exists(repo, filename="README.md", repo_type=KIND):
            card = _card(dataset).encode()
            api.upload_file(
                repo_id=repo, repo_type=KIND, path_or_fileobj=card, path_in_repo="README.md"
            )
        with suppress(hub.errors.RevisionNotFoundError):  # of an earlier upload
            api.delete_tag(repo, tag=VERSION, repo_type=KIND)
        api.create_tag(repo, tag=VERSION, repo_type=KIND)
    return f"https://huggingface.co/datasets/{repo}"


def pull(repo: str, root: Path) -> Dataset:
    """Download the dataset of ``repo`` into the folder ``root``, a new one: whole or not at all.

    DatasetError if the hub's client is missing, the hub refuses, it is no dataset of ours, or
    something is in ``root``.
    """
    _check_name(repo)
    hub = _client()
    with making(root) as draft:
        with _hub_errors(repo):
            hub.snapshot_download(repo, repo_type=KIND, revision=VERSION, local_dir=str(draft))
        _check_readable(draft, repo)
    return Dataset(root)


def _check_readable(root: Path, repo: str) -> None:
    try:
        Dataset(root)
    except DatasetError as error:
        raise DatasetError(str(error).replace(str(root), f"{repo} on the hub")) from None


def _check_name(repo: str) -> None:
    if not NAME.fullmatch(repo):
        raise DatasetError(f"{repo} is no name of a dataset on the hub: it is USER/NAME")


def _client() -> Any:
    for_hub()
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise DatasetError(
            f"the hub's client is not installed: run {how_to_install('hub')}, and log in once with "
            "`hf auth login`"
        ) from None
    return huggingface_hub


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Whatever goes wrong on the way, in a line; the client raises errors of many kinds."""
    try:
        yield
    except Exception as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DatasetError(
            f"the hub does not give or take {repo} ({cause}): look at the name, the network and "
            "`hf auth login`"
        ) from None


def _card(dataset: Dataset) -> str:
    """What the hub shows of it, and how the ecosystem finds it."""
    return CARD.format(
        version=VERSION,
        episodes=plural(len(dataset.episodes), "episode"),
        frames=len(dataset),
        fps=dataset.fps,
        robot=dataset.robot_type,
    )
