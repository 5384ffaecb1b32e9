"""Records on the disk: whole ones come back, whatever follows them."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_datasets import episode, spec

from hil_app.recording import underway
from hil_app.recording.journal import END, HEADER, PACKET, ROW, Journal, Packet, records
from hil_app.recording.recovery import read_journal
from hil_app.recording.writer import DatasetWriter

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
        assert list(records(path)) == [(HEADER, b'{"episode": 3}'), *contents]
        path.write_bytes(whole + tail)
        assert list(records(path))[: len(contents) + 1] == [(HEADER, b'{"episode": 3}'), *contents]


def test_a_record_is_in_the_file_at_once(tmp_path: Path) -> None:
    """Nothing waits in this process, which may be killed."""
    journal = Journal(tmp_path / "journal", {})
    for number in range(5):
        journal.add(ROW, bytes([number]))
        *_, last = records(tmp_path / "journal")
        assert last == (ROW, bytes([number]))
    journal.close()


def test_a_packet_keeps_its_place() -> None:
    for packet in (Packet(0, True, 0, b""), Packet(3, False, 2**40, b"\0\1\2")):
        assert Packet.unpack(packet.pack()) == packet


def test_a_journal_of_nothing_is_none(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none") is None
    (tmp_path / "empty").touch()
    assert read_journal(tmp_path / "empty") is None
    (tmp_path / "noise").write_bytes(b"\xff" * 100)
    assert read_journal(tmp_path / "noise") is None


def test_the_journal_reaches_the_disk_twice_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, synced = [0.0], []
    monkeypatch.setattr(underway.time, "monotonic", lambda: now[0])
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
    assert max(np.diff([0, *before, 60 / 30])) < underway.SYNC + 1 / 30 + 1e-9
