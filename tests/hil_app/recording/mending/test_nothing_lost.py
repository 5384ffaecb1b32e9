"""Nothing recorded is ever deleted that can be read: a hurt index, a hurt journal, links."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_datasets import IMAGES, STATE, episode, identified, spec, write_dataset

from configs.text.writing import write_whole
from hil_app.recording.dataset import Dataset
from hil_app.recording.format.layout import (
    INFO,
    JOURNAL,
    DatasetError,
    Info,
    data_file,
    video_file,
)
from hil_app.recording.frames import Frame
from hil_app.recording.journal import ENCODED, FRAME, JournalRecord, Records
from hil_app.recording.mending.damage import damage
from hil_app.recording.mending.repair import repair
from hil_app.recording.mending.repair import report_of as said
from hil_app.recording.writer import DatasetWriter

CAMERA = ("front",)
LENGTHS = (3, 4, 2, 5)


def short(index: int, length: int, **more: Any) -> list[Frame]:
    return episode(index, length, cameras=CAMERA, **more)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of four finished episodes."""
    write_dataset(tmp_path / "dataset", [short(n, length) for n, length in enumerate(LENGTHS)])
    return tmp_path / "dataset"


def contents(root: Path) -> list[list[tuple[int, int, int]]]:
    """Episode and number that each frame tells, and the number that its image tells."""
    dataset = Dataset(root)
    assert not list(damage(dataset))
    return [
        [
            (
                int(f.observation[STATE][0] + 0.01),
                int(f.observation[STATE][1]),
                identified(f.observation[f"{IMAGES}.front"])[2],
            )
            for f in dataset.frames(about.index)
        ]
        for about in dataset.episodes
    ]


def frames(index: int, numbers: range) -> list[tuple[int, int, int]]:
    return [(index, number, number) for number in numbers]


ALL = [frames(index, range(length)) for index, length in enumerate(LENGTHS)]


def everything(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# the index is older than the episodes, or hurt


def counted(count: int, length: int | None = None) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        info = json.loads((root / INFO).read_text())
        info["total_episodes"] = count
        info["total_frames"] = sum(LENGTHS[:count]) if length is None else length
        (root / INFO).write_text(json.dumps(info))

    return change


def before(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """As a copy of meta/ had it that was made after two episodes."""

    def restore(root: Path) -> None:
        old = root.with_name("old")
        write_dataset(old, [short(n, length) for n, length in enumerate(LENGTHS[:2])])
        change(root)

    return restore


def old_meta(root: Path) -> None:
    shutil.rmtree(root / "meta")
    shutil.copytree(root.with_name("old") / "meta", root / "meta")


def old_rows(root: Path) -> None:
    shutil.rmtree(root / "meta/episodes")
    shutil.copytree(root.with_name("old") / "meta/episodes", root / "meta/episodes")


def no_rows(root: Path) -> None:
    shutil.rmtree(root / "meta/episodes")


def hurt_rows(root: Path) -> None:
    path = root / "meta/episodes/chunk-000/file-000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def another_length(length: int) -> Callable[[Path], None]:
    """The index says something else of episode 1 than it says elsewhere, and than its file does."""

    def say(root: Path) -> None:
        path = root / "meta/episodes/chunk-000/file-000.parquet"
        table = pq.read_table(path, partitioning=None)
        lengths = table["length"].to_pylist()
        lengths[1] = length
        at = table.column_names.index("length")
        pq.write_table(table.set_column(at, "length", pa.array(lengths)), path)

    return say


def without(*names: str) -> Callable[[Path], None]:
    def remove(root: Path) -> None:
        for name in names:
            (root / name).unlink()

    return remove


@pytest.mark.parametrize(
    "hurt",
    [
        counted(2),
        counted(0),
        counted(3, 999),
        counted(4, 0),
        before(old_meta),
        before(old_rows),
        no_rows,
        hurt_rows,
        another_length(2),
        another_length(99),
        without("meta/tasks.parquet", "meta/stats.json"),
    ],
)
@pytest.mark.parametrize("by", [repair, lambda root: DatasetWriter(root, spec()).close()])
def test_every_whole_episode_counts_again(
    root: Path, hurt: Callable[[Path], None], by: Callable[[Path], object]
) -> None:
    sound = everything(root)
    hurt(root)
    by(root)
    assert contents(root) == ALL
    now = everything(root)
    for name in ("data", "videos"):
        assert {k: v for k, v in now.items() if k.startswith(name)} == {
            k: v for k, v in sound.items() if k.startswith(name)
        }
    assert Info.read(root) == Info.parse(json.loads(sound[str(INFO)]), root)
    assert {about.tasks for about in Dataset(root).episodes} == {("lift the cube",)}
    assert {about.stage for about in Dataset(root).episodes} == {"record"}
    assert not repair(root).anything
    with closing(DatasetWriter(root, spec())) as writer:  # and it can be gone on with
        for frame in short(4, 3):
            writer.add(frame, "record")
        writer.finish()
    assert contents(root) == [*ALL, frames(4, range(3))]


def test_an_episode_that_is_not_whole_is_set_aside_with_those_behind_it(root: Path) -> None:
    counted(1)(root)
    sound = everything(root)
    data_file(root, 2).write_bytes(data_file(root, 2).read_bytes()[:-9])
    hurt = data_file(root, 2).read_bytes()
    found = repair(root)
    assert found.found == 1
    assert contents(root) == ALL[:2]
    assert found.place is not None
    aside = everything(found.place)
    for index in (2, 3):
        name = str(data_file(root, index).relative_to(root))
        assert aside[name] == (hurt if index == 2 else sound[name])
        name = str(video_file(root, f"{IMAGES}.front", index).relative_to(root))
        assert aside[name] == sound[name]
    assert any("set aside" in line for line in said(found))
    assert not repair(root).anything


def test_an_episode_that_nothing_tells_of_stops_the_repair_and_loses_nothing(root: Path) -> None:
    no_rows(root)
    video_file(root, f"{IMAGES}.front", 1).unlink()
    before = everything(root)
    with pytest.raises(DatasetError, match="what is known of episode 1, and its files cannot"):
        repair(root)
    assert everything(root) == before


# a hurt journal


def left(root: Path, length: int, **more: Any) -> list[JournalRecord]:
    """A fifth episode that a crash cut short; returns the records of its journal."""
    with closing(DatasetWriter(root, spec())) as writer:
        for frame in short(4, length, **more):
            writer.add(frame, "train")
    with Records(root / JOURNAL) as records:
        return list(records)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_hurt_head_costs_no_frame(root: Path) -> None:
    records = left(root, 8)
    flip(root / JOURNAL, 12)
    hurt = (root / JOURNAL).read_bytes()
    found = repair(root)
    assert (found.episode, found.frames, found.parts) == (4, 7, 1)
    assert found.damaged == records[0].end
    assert contents(root) == [*ALL, frames(4, range(7))]
    assert found.place is not None
    assert (found.place / JOURNAL).read_bytes() == hurt
    note = (found.place / "note.txt").read_text()
    assert f"{JOURNAL}: it is damaged: {records[0].end} of {len(hurt)} bytes cannot be read" in note
    about = Dataset(root).episodes[4]
    assert (about.tasks, about.stage, about.recovered) == (("lift the cube",), "record", True)
    assert not repair(root).anything


@pytest.mark.parametrize("number", [0, 3, 20, 38])
def test_a_lost_row_costs_its_frame_and_no_other(root: Path, number: int) -> None:
    records = left(root, 40)
    rows = [record for record in records if record.kind == b"N"]
    flip(root / JOURNAL, rows[number].place + 30)
    found = repair(root)
    whole = [frames(4, range(number)), frames(4, range(number + 1, 39))]
    assert contents(root) == [*ALL, *(part for part in whole if part)]
    assert found.frames == 38
    stages = {about.stage for about in Dataset(root).episodes[4:]}
    assert stages == {"train"}
    assert not repair(root).anything


def test_a_lost_image_costs_the_frames_up_to_the_next_key_image(root: Path) -> None:
    records = left(root, 40)
    packets = [record for record in records if record.kind == b"P"]
    flip(root / JOURNAL, packets[5].place + 30)
    repair(root)
    assert contents(root) == [*ALL, frames(4, range(4)), frames(4, range(15, 39))]
    assert not repair(root).anything


def test_a_crash_while_parts_are_brought_back_brings_none_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [record for record in left(root, 12) if record.kind == b"N"]
    for number in (3, 7):
        flip(root / JOURNAL, rows[number].place + 30)
    write, calls = Info.write, []

    def dying(info: Info, root: Path) -> None:
        calls.append(info)
        write(info, root)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Info, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            repair(root)
    repair(root)
    parts = [range(3), range(4, 7), range(8, 11)]
    assert contents(root) == [*ALL, *(frames(4, part) for part in parts)]
    assert not repair(root).anything


def test_a_journal_is_brought_back_behind_all_episodes_whatever_the_index_says(root: Path) -> None:
    left(root, 6)
    counted(2)(root)
    found = repair(root)
    assert (found.found, found.episode, found.frames) == (2, 4, 5)
    assert contents(root) == [*ALL, frames(4, range(5))]


def test_a_journal_of_another_recording_is_no_episode_that_counts(root: Path) -> None:
    """Its number is taken, but its frames are not there."""
    left(root, 6)
    journal = (root / JOURNAL).read_bytes()
    (root / JOURNAL).unlink()
    with closing(DatasetWriter(root, spec())) as writer:
        for frame in short(9, 3):
            writer.add(frame, "record")
        writer.finish()
    put(root / JOURNAL, journal)
    assert repair(root).episode == 5
    assert contents(root) == [*ALL, frames(9, range(3)), frames(4, range(5))]


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    write_whole(path, content)


def test_a_journal_of_another_dataset_is_set_aside(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_dataset(other, [episode(0, 3)])
    with closing(DatasetWriter(other, spec())) as writer:
        for frame in episode(1, 4):
            writer.add(frame, "record")
    journal = (other / JOURNAL).read_bytes()
    put(root / JOURNAL, journal)
    found = repair(root)
    assert contents(root) == ALL
    assert found.place is not None
    assert (found.place / JOURNAL).read_bytes() == journal


# links


def linked(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize(
    "name",
    [
        "data",
        "data/chunk-000",
        "data/chunk-000/file-001.parquet",
        f"videos/{IMAGES}.front/chunk-000",
        "meta/episodes",
        "meta/info.json",
        "recovery",
        "set_aside",
    ],
)
@pytest.mark.parametrize("by", [repair, lambda root: DatasetWriter(root, spec()).close()])
def test_what_a_link_leads_to_is_left_alone(
    root: Path, tmp_path: Path, name: str, by: Callable[[Path], object]
) -> None:
    other = tmp_path / "other"
    write_dataset(other, [short(n, 2) for n in range(6)])
    for folder in ("recovery", "set_aside"):
        (other / folder).mkdir()
        (other / folder / "episode.journal").write_bytes(b"theirs")
    before = everything(other)
    linked(root / name, other / name)
    with pytest.raises(DatasetError, match=f"{name} is a link"):
        by(root)
    assert everything(other) == before


def test_the_dataset_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    left(tmp_path / "link", 4)
    assert repair(tmp_path / "link").frames == 3


def test_a_copy_by_hard_links_is_not_written_to(root: Path, tmp_path: Path) -> None:
    left(root, 6)
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, copy_function=os.link)
    before = everything(copy)
    repair(root)
    with closing(DatasetWriter(root, spec())) as writer:
        writer.keep(1, tmp_path / "place")
        for frame in short(5, 3):
            writer.add(frame, "record")
        writer.finish()
    assert everything(copy) == before


# a dataset of another tool


def test_files_of_other_tools_are_not_touched(root: Path) -> None:
    strangers = [
        root / "data/chunk-000/notes.txt",
        root / "data/chunk-000/file-000.parquet.part",
        root / "videos/thumbnails/chunk-000/file-009.mp4",
        root / "recovery/mine.txt",
        root / "readme.part",
    ]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"theirs")
    before = everything(root)
    assert not repair(root).anything
    assert everything(root) == before


# any journal at all


@pytest.fixture(scope="module")
def hurtable(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A dataset of an episode, and the journal of a second one."""
    root = tmp_path_factory.mktemp("hurtable") / "dataset"
    write_dataset(root, [short(0, 2)])
    with closing(DatasetWriter(root, spec())) as writer:
        for frame in short(1, 6):
            writer.add(frame, "train")
    journal = (root / JOURNAL).read_bytes()
    (root / JOURNAL).unlink()
    return root, journal


def sealed(kind: bytes, content: bytes) -> bytes:
    """A record with a checksum that is right."""
    body = kind + content
    return FRAME.pack(len(body), zlib.crc32(body)) + body


CRAFTED = st.one_of(
    st.binary(max_size=60),
    st.builds(
        sealed, st.sampled_from([b"H", b"N", b"R", b"P", b"E", b"X"]), st.binary(max_size=40)
    ),
    st.builds(
        lambda camera, key, number, image: sealed(b"P", ENCODED.pack(camera, key, number) + image),
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=40),
    ),
    st.builds(
        lambda value: sealed(b"H", json.dumps(value).encode()),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["episode", "stage", "task", "codec", "cameras"]), inner
                )
            ),
            max_leaves=8,
        ),
    ),
    st.builds(lambda value: sealed(b"E", b'{"frames": %d}' % value), st.integers(-5, 10**30)),
)


DRAWN = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=10, **DRAWN)
@given(data=st.data())
def test_no_journal_at_all_ends_in_a_traceback_or_hurts_an_episode(
    hurtable: tuple[Path, bytes], data: st.DataObject
) -> None:
    check_any_journal(hurtable, data)


@pytest.mark.slow
@settings(max_examples=200, **DRAWN)
@given(data=st.data())
def test_many_more_journals_do_neither(hurtable: tuple[Path, bytes], data: st.DataObject) -> None:
    check_any_journal(hurtable, data)


def check_any_journal(hurtable: tuple[Path, bytes], data: st.DataObject) -> None:
    """Cut, spliced, repeated and crafted: what comes back was recorded, and no byte is lost."""
    sound, journal = hurtable
    places = st.integers(0, len(journal))
    pieces = []
    for _ in range(data.draw(st.integers(1, 3))):
        first, last = sorted((data.draw(places), data.draw(places)))
        pieces += [journal[first:last], data.draw(CRAFTED)]
    if data.draw(st.booleans()):
        pieces = [journal[: data.draw(places)], *pieces]
    content = b"".join(pieces)
    with TemporaryDirectory() as folder:
        root = Path(folder) / "dataset"
        shutil.copytree(sound, root)
        put(root / JOURNAL, content)
        found = repair(root)
        first, *others = contents(root)
        assert first == frames(0, range(2))
        recorded = frames(1, range(6))
        assert all(frame in recorded for part in others for frame in part)
        if found.damaged:
            assert found.place is not None
            assert (found.place / JOURNAL).read_bytes() == content
        assert not repair(root).anything
