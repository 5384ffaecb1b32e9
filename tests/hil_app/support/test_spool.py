"""A queue on disk: what is appended is read in order, whole, until it is forgotten."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_app.support import spool
from hil_app.support.spool import SpoolDamaged, SpoolReader, SpoolWriter, record, records

PAYLOADS = st.lists(st.binary(max_size=300), min_size=1, max_size=40)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of a few records, and batches of fewer."""
    monkeypatch.setattr(spool, "_FILE", 700)
    monkeypatch.setattr(spool, "_MOST", 250)


def everything(reader, number):
    """All records from this one on, batch after batch."""
    found = []
    while data := reader.read(number):
        found += records(data)
        number = found[-1][0] + 1
    return found


@given(payloads=PAYLOADS, data=st.data())
def test_a_reader_has_what_was_appended_wherever_it_begins_and_what_was_forgotten_is_gone(
    payloads, data, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("spool")
    writer, reader = SpoolWriter(folder), SpoolReader(folder)
    wanted = [(writer.append(payload), payload) for payload in payloads]
    assert [number for number, _ in wanted] == list(range(1, len(payloads) + 1))
    start = data.draw(st.integers(1, len(payloads) + 1))
    assert everything(reader, start) == wanted[start - 1 :]
    safe = data.draw(st.integers(0, len(payloads)))
    writer.forget(safe)
    assert everything(SpoolReader(folder), safe + 1) == wanted[safe:]
    assert (reader.first is None) == (safe == len(payloads))
    assert writer.append(b"more") == len(payloads) + 1
    assert everything(reader, len(payloads) + 1) == [(len(payloads) + 1, b"more")]
    writer.close()


@given(payloads=PAYLOADS, cut=st.integers(0, 400))
def test_what_a_crash_cuts_off_costs_the_record_that_was_being_written_and_no_other(
    payloads, cut, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("spool")
    writer = SpoolWriter(folder)
    for payload in payloads:
        writer.append(payload)
    writer.close()
    last = sorted(folder.iterdir())[-1]
    content = last.read_bytes()
    left = content[: max(len(content) - cut, 0)]
    last.write_bytes(left)
    kept = int(last.stem) - 1 + len([*records(left, cut_off=True)])
    again = SpoolWriter(folder)
    assert again.last == kept
    again.append(b"on")
    again.close()
    wanted = [*enumerate(payloads[:kept], 1), (kept + 1, b"on")]
    assert everything(SpoolReader(folder), 1) == wanted


def test_a_reader_meets_only_whole_records_of_one_that_is_being_written(tmp_path):
    whole = record(1, b"one")
    path = tmp_path / "000000000001.spool"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        assert SpoolReader(tmp_path).read(1) == b""
    path.write_bytes(whole)
    assert [*records(SpoolReader(tmp_path).read(1))] == [(1, b"one")]


@given(place=st.integers(0, 40), bit=st.integers(0, 7))
def test_a_record_that_is_not_as_it_was_written_is_never_given_out(place, bit):
    data = bytearray(record(1, b"one") + record(2, b"two"))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(SpoolDamaged):
        list(records(bytes(data)))


def test_what_is_gone_is_said_to_be_gone(tmp_path):
    writer = SpoolWriter(tmp_path)
    for _ in range(20):
        writer.append(bytes(200))
    writer.forget(10)
    first = SpoolReader(tmp_path).first
    assert 1 < first <= 11
    with pytest.raises(LookupError, match=f"the first is {first}"):
        SpoolReader(tmp_path).read(first - 1)
    writer.close()


def test_a_disk_that_refuses_leaves_no_part_of_a_record(tmp_path, monkeypatch):
    writer = SpoolWriter(tmp_path)
    writer.append(b"one")

    def refuse(file, data):
        os.write(file, data[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "_write", refuse)
        with pytest.raises(OSError, match="No space"):
            writer.append(b"two")
    assert writer.append(b"three") == 2
    assert everything(SpoolReader(tmp_path), 1) == [(1, b"one"), (2, b"three")]
    writer.close()
