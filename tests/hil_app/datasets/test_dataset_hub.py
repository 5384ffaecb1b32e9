"""What is asked of the hub, by a stand-in for its client."""

import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sample_datasets import episode, spec, write_dataset

from configs.text.writing import is_draft
from hil_app.cli.dataset import push as dataset_push
from hil_app.datasets.hub import pull, push
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import DatasetError
from hil_app.recording.writer import DatasetWriter
from hil_app.support.hub import HubError


class Missing(Exception):
    """There is no such tag."""


class Hub:
    """Keeps what it was asked for; holds one dataset."""

    def __init__(self, held: Path, card: bool, tagged: bool) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.held, self.card, self.tagged = held, card, tagged
        self.private = True
        self.refusal: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        def call(repo_id: str, **facts: Any) -> Any:
            self.asked.append((name, {"repo_id": repo_id, **facts}))
            if self.refusal is not None:
                raise self.refusal
            if name == "repo_info":
                return SimpleNamespace(private=self.private)
            if name == "file_exists":
                return self.card
            if name == "delete_tag" and not self.tagged:
                raise Missing
            if name == "snapshot_download":
                shutil.copytree(self.held, facts["local_dir"], dirs_exist_ok=True)
            return None

        return call

    def calls(self, name: str) -> list[dict[str, Any]]:
        return [facts for each, facts in self.asked if each == name]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    write_dataset(tmp_path / "data")
    found = Hub(tmp_path / "data", card=False, tagged=False)
    client: Any = ModuleType("huggingface_hub")
    client.HfApi = lambda: found
    client.snapshot_download = found.snapshot_download
    client.errors = SimpleNamespace(RevisionNotFoundError=Missing)
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", client.errors)
    return found


def test_a_dataset_is_uploaded_with_card_and_tag(hub: Hub) -> None:
    where = push(hub.held, "ann/lift")
    assert where == "https://huggingface.co/datasets/ann/lift"
    names = [
        "create_repo",
        "repo_info",
        "upload_folder",
        "file_exists",
        "upload_file",
        "delete_tag",
    ]
    assert [name for name, _ in hub.asked] == [*names, "create_tag"]
    for _, facts in hub.asked:
        assert (facts["repo_id"], facts["repo_type"]) == ("ann/lift", "dataset")
    (made,) = hub.calls("create_repo")
    assert (made["private"], made["exist_ok"]) == (True, True)
    (sent,) = hub.calls("upload_folder")
    assert sent["folder_path"] == str(hub.held)
    assert (hub.calls("delete_tag"), hub.calls("create_tag")) == (
        [{"repo_id": "ann/lift", "tag": "v3.0", "repo_type": "dataset"}],
    ) * 2
    card = hub.calls("upload_file")[0]
    assert card["path_in_repo"] == "README.md"
    assert b"LeRobot" in card["path_or_fileobj"]
    assert b"3 episodes,\n19 frames at 30 Hz, of a sim" in card["path_or_fileobj"]


def test_what_is_unfinished_stays_here(hub: Hub) -> None:
    from fnmatch import fnmatch

    writer = DatasetWriter(hub.held, spec())
    writer.add(episode(3)[0], "record")
    (hub.held / "data/chunk-000/file-003.parquet.part").touch()
    push(hub.held, "ann/lift")
    writer.close()
    patterns = hub.calls("upload_folder")[0]["ignore_patterns"]
    files = [str(path.relative_to(hub.held)) for path in hub.held.rglob("*") if path.is_file()]
    left = {name for name in files if any(fnmatch(name, pattern) for pattern in patterns)}
    assert left == {"recovery/episode.journal", "data/chunk-000/file-003.parquet.part"}


def test_nothing_that_a_link_leads_out_to_is_uploaded(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/key").write_text("secret")
    for link, there in (("data/key", "private/key"), ("more", "private"), ("lost", "nowhere")):
        (hub.held / link).symlink_to(tmp_path / there)
        with pytest.raises(DatasetError, match=f"{link} is a link that leads out of the dataset"):
            push(hub.held, "ann/lift")
        (hub.held / link).unlink()
    assert not hub.asked
    (hub.held / "again.json").symlink_to(hub.held / "meta/info.json")
    push(hub.held, "ann/lift")


def test_a_card_that_is_there_stays_and_the_tag_moves(hub: Hub) -> None:
    hub.card = hub.tagged = True
    push(hub.held, "ann/lift")
    assert not hub.calls("upload_file")
    assert len(hub.calls("create_tag")) == 1


def test_images_are_public_only_if_somebody_says_so(hub: Hub) -> None:
    hub.private = False  # a repository that is there already
    with pytest.raises(HubError, match=r"ann/lift is public: everybody would see .* --public"):
        push(hub.held, "ann/lift")
    assert not hub.calls("upload_folder")
    push(hub.held, "ann/lift", private=False)
    assert hub.calls("create_repo")[-1]["private"] is False
    assert len(hub.calls("upload_folder")) == 1


@pytest.mark.parametrize(
    ("options", "private"), [([], True), (["--private"], True), (["--public"], False)]
)
def test_the_command_says_who_may_see_it(
    hub: Hub, options: list[str], private: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.private = private
    assert dataset_push.run([str(hub.held), "--repo=ann/lift", *options]) == 0
    assert hub.calls("create_repo")[0]["private"] is private
    assert capsys.readouterr().out.endswith("(private)\n" if private else "(public)\n")


def test_a_dataset_is_downloaded_in_the_version_that_is_read(hub: Hub, tmp_path: Path) -> None:
    dataset = pull("ann/lift", tmp_path / "new")
    (asked,) = hub.calls("snapshot_download")
    draft = Path(asked.pop("local_dir"))
    assert asked == {"repo_id": "ann/lift", "revision": "v3.0", "repo_type": "dataset"}
    assert (is_draft(draft), draft.parent, draft.exists()) == (True, tmp_path, False)
    assert (dataset.root, len(dataset)) == (tmp_path / "new", len(Dataset(hub.held)))


@pytest.mark.parametrize("there", ["new/file", "new/meta/info.json"])
def test_nothing_is_downloaded_over_what_is_there(hub: Hub, tmp_path: Path, there: str) -> None:
    (tmp_path / there).parent.mkdir(parents=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(DatasetError, match="not empty"):
        pull("ann/lift", tmp_path / "new")
    assert (tmp_path / there).read_text() == "mine"
    assert hub.asked == []


def test_a_download_that_ends_half_way_or_is_no_dataset_leaves_nothing(
    hub: Hub, tmp_path: Path
) -> None:
    (hub.held / "meta/info.json").unlink()
    with pytest.raises(DatasetError) as refused:
        pull("ann/lift", tmp_path / "new")
    assert "ann/lift on the hub" in str(refused.value)
    assert ".part" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("refusal", [OSError("no\nnetwork"), ValueError("401"), RuntimeError()])
def test_a_refusal_is_one_line(hub: Hub, tmp_path: Path, refusal: Exception) -> None:
    hub.refusal = refusal
    for ask in (lambda: push(hub.held, "ann/lift"), lambda: pull("ann/lift", tmp_path / "new")):
        with pytest.raises(HubError, match="the hub does not give or take ann/lift") as error:
            ask()
        assert "\n" not in str(error.value)


def test_nothing_is_asked_for_a_name_that_is_none_or_what_is_no_dataset(
    hub: Hub, tmp_path: Path
) -> None:
    for name in ("lift", "a/b/c", "a b/c"):
        with pytest.raises(HubError, match="it is USER/NAME"):
            push(hub.held, name)
    with pytest.raises(DatasetError, match="is no dataset"):
        push(tmp_path / "nowhere", "ann/lift")
    assert hub.asked == []


def test_without_the_client_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r"-m pip install 'huggingface-hub>="):
        pull("ann/lift", tmp_path / "new")
