"""The Hugging Face hub, through its own client, which is an extra.

The calls follow what the ecosystem's tools do, but they have only been tried against a stand-in:
these tests have no network and no account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from hil_app.support.caches import for_hub
from hil_app.support.extras import how_to_install

NAME = re.compile(r"[\w.-]+/[\w.-]+")
CARD = "README.md"


class HubError(HilAppError):
    """The hub cannot be reached or refuses; the message says what to look at."""


def check_name(repo: str, what: str) -> None:
    """HubError unless this can be the name of ``what`` on the hub."""
    if not NAME.fullmatch(repo):
        raise HubError(f"{repo} is no name of a {what} on the hub: it is USER/NAME")


def client() -> Any:
    """The hub's client; HubError if it is not installed."""
    for_hub()
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise HubError(
            f"the hub's client is not installed: run {how_to_install('hub')}, and log in once with "
            "`hf auth login`"
        ) from None
    return huggingface_hub


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Whatever goes wrong on the way, in a line; the client raises errors of many kinds."""
    try:
        yield
    except Exception as error:
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise HubError(
            f"the hub does not give or take {repo} ({cause}): look at the name, the network and "
            "`hf auth login`"
        ) from None


def upload(
    api: Any,
    repo: str,
    folder: Path,
    *,
    kind: str,
    private: bool,
    shows: str,
    message: str,
    card: bytes,
    ignore: list[str],
) -> None:
    """Upload a folder, and a card where there is none yet.

    Everybody may see it only if ``private`` is false, which a repository that is there already and
    public needs, too: HubError has what it ``shows``. HubError if the hub refuses.
    """
    with hub_errors(repo):
        api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        open_to_all = getattr(api.repo_info(repo, repo_type=kind), "private", None) is False
    if private and open_to_all:
        raise HubError(
            f"{repo} is public: everybody would see {shows}. Say --public if they may, or make it "
            "private on the hub"
        )
    with hub_errors(repo):
        api.upload_folder(
            repo_id=repo,
            repo_type=kind,
            folder_path=str(folder),
            ignore_patterns=ignore,
            commit_message=message,
        )
        if not api.file_exists(repo, filename=CARD, repo_type=kind):
            api.upload_file(repo_id=repo, repo_type=kind, path_or_fileobj=card, path_in_repo=CARD)
