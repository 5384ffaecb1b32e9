"""Records on the disk: whole ones come back, whatever follows them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import episode, spec

from hil_app.recording import open_episode as open_episode
from hil_app.recording.journal import (
    END,
    HEADER,
    NUMBER,
    PACKET,
    ROW,
    Journal,
    Records,
    VideoPacket,
)
from hil_app.recording.writer import DatasetWriter


def pairs(path: Path) -> list[tuple[bytes, bytes]]:
    """Kind and content of every whole record."""
    with Records(path) as records:
        return [(kind, content) for kind, content, _ in records]


KINDS = st.sampled_from([ROW, PACKET, END])


@settings(max_examples=50, deadline=None)
@given(contents=st.lists(st.tuples(KINDS, st.binary(max_size=300)), max_size=6), tail=st.binary())
def test_records_come_back_whatever_follows(
    contents: list[tuple[bytes, bytes]], tail: bytes
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deep" / "journal"
        journal = Journal(path, {"episode": 3})
        for kind, content in contents:
            journal.add(kind, content)  # type: ignore[arg-type]
        journal.close()
        whole = path.read_bytes()
        assert pairs(path) == [(HEADER, b'{"episode": 3}'), *contents]
        path.write_bytes(whole + tail)
        assert pairs(path)[: len(contents) + 1] == [(HEADER, b'{"episode": 3}'), *contents]


def test_a_record_is_in_the_file_at_once(tmp_path: Path) -> None:
    """Nothing waits in this process, which may be killed."""
    journal = Journal(tmp_path / "journal", {})
    for number in range(5):
        journal.add(ROW, bytes([number]))
        *_, last = pairs(tmp_path / "journal")
        assert last == (ROW, bytes([number]))
    journal.close()


def test_a_packet_keeps_its_place() -> None:
    for packet in (VideoPacket(0, True, 0, b""), VideoPacket(3, False, 2**40, b"\0\1\2")):
        assert VideoPacket.unpack(packet.pack()) == packet


def test_noise_is_damage_and_nothing_is_none(tmp_path: Path) -> None:
    for content, damaged in ((b"", 0), (b"\xff" * 100, 100), (bytes(100), 0)):
        (tmp_path / "journal").write_bytes(content)
        with Records(tmp_path / "journal") as records:
            assert list(records) == []
            assert records.damaged == damaged


def test_a_journal_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    """Neither of one that is there, nor of what a link leads to."""
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    for name in ("other", "link"):
        with pytest.raises(FileExistsError):
            Journal(tmp_path / name, {})
    with pytest.raises(OSError, match="symbolic links"):
        Records(tmp_path / "link")
    assert (tmp_path / "other").read_bytes() == b"precious"


def test_only_the_very_file_that_was_written_is_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", {})
    (tmp_path / "journal").unlink()
    (tmp_path / "journal").write_bytes(b"of another")
    journal.remove()
    assert (tmp_path / "journal").read_bytes() == b"of another"


def test_a_pipe_is_no_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal")
    with pytest.raises(OSError, match="not a file"):
        Records(tmp_path / "journal")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 599), flips=st.integers(1, 255), gone=st.integers(0, 30))
def test_reading_goes_on_behind_damage(place: int, flips: int, gone: int) -> None:
    """A byte is other than it was, and some behind it are missing."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        journal = Journal(path, {"episode": 3})
        for number in range(20):
            journal.add(ROW, NUMBER.pack(number) + bytes([number]) * 20)
        journal.close()
        whole, sound = path.read_bytes(), pairs(path)
        torn = bytearray(whole)
        torn[place] ^= flips
        del torn[place + 1 : place + 1 + gone]
        path.write_bytes(torn)
        with Records(path) as records:
            found = list(records)
            assert [(kind, content) for kind, content, _ in found] == [
                pair for pair in sound if pair in [(r.kind, r.content) for r in found]
            ]
            lost = len(sound) - len(found)
            assert 1 <= lost <= 2 + gone // 20
            kept = sum(record.end - record.place for record in found)
            assert records.damaged in (len(torn) - kept, 0)
            assert records.damaged or place > len(whole) - 40, "only the last may be under way"


@pytest.mark.parametrize(
    "pattern",
    [b"P", b"\x01\0\0\0\0\0\0\0N", b"\xff\xff\x03\0\0\0\0\0P\0\0\0\0\0\0\0\0\0\0", b"\0"],
)
def test_reading_ends_soon_whatever_a_file_holds(tmp_path: Path, pattern: bytes) -> None:
    """Every place may look like a record's begin; a hole may be as large as it likes."""
    (tmp_path / "journal").write_bytes(pattern * (3_000_000 // len(pattern)))
    os.truncate(tmp_path / "journal", 1 << 40)
    with Records(tmp_path / "journal") as records:
        begin = time.process_time()
        assert list(records) == []
        assert time.process_time() - begin < 10
        assert records.damaged == (0 if pattern == b"\0" else 1 << 40)


def test_the_journal_reaches_the_disk_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, synced = [0.0], []
    monkeypatch.setattr(open_episode.time, "monotonic", lambda: now[0])
    writer = DatasetWriter(tmp_path, spec())
    frames = episode(0, 60, cameras=())
    writer.add(frames[0], "record")
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(now[0]), sync(number)))
    for number, frame in enumerate(frames[1:], 1):
        now[0] = number / 30
        writer.add(frame, "record")
    before = list(synced)
    writer.discard()
    writer.close()
    assert len(before) == 3
    assert max(np.diff([0, *before, 60 / 30])) < open_episode.SYNC + 1 / 30 + 1e-9
