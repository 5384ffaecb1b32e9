import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from robots.virtual.servos.packets import Packet, PacketReader, checksum, status


def instruction(number: int, code: int, parameters: bytes = b"") -> bytes:
    robot = bytes((number, len(parameters) + 2, code)) + parameters
    return b"\xff\xff" + robot + bytes((checksum(robot),))


packets = st.builds(Packet, st.integers(0, 254), st.integers(0, 255), st.binary(max_size=60))


def test_packets_are_what_the_published_examples_show() -> None:
    assert instruction(1, 1) == bytes.fromhex("FF FF 01 02 01 FB")
    assert instruction(1, 2, b"\x38\x02") == bytes.fromhex("FF FF 01 04 02 38 02 BE")
    assert status(1, 0) == bytes.fromhex("FF FF 01 02 00 FC")
    assert status(1, 0, (2048).to_bytes(2, "little")) == bytes.fromhex("FF FF 01 04 00 00 08 F2")


@given(st.lists(packets, max_size=5), st.data())
def test_packets_are_found_however_the_bytes_drip_in(
    sent: list[Packet], data: st.DataObject
) -> None:
    stream = b"".join(instruction(p.id, p.instruction, p.parameters) for p in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader, found = PacketReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        packets, damaged = reader.feed(stream[start:end])
        found += packets
        assert damaged == 0
    assert found == sent
    assert not reader.waiting


@given(st.lists(st.one_of(st.binary(max_size=80), st.just(b"\xff"), st.just(b"\xff\xff\x01\xf0"))))
def test_no_stream_of_bytes_upsets_a_reader_or_fills_it(chunks: list[bytes]) -> None:
    reader = PacketReader()
    for chunk in chunks:
        reader.feed(chunk)
        assert len(reader._pending) <= 250
    reader.give_up()
    assert not reader.waiting


@given(st.binary(max_size=120), packets)
def test_a_good_packet_after_garbage_is_found(garbage: bytes, packet: Packet) -> None:
    reader = PacketReader()
    content = instruction(packet.id, packet.instruction, packet.parameters)
    found, _ = reader.feed(garbage.rstrip(b"\xff") + content)
    found += reader.give_up()[0]  # garbage may look like the start of something longer
    assume(all(one == packet for one in found))  # garbage may even be a good packet
    assert packet in found


@pytest.mark.parametrize("flipped", range(8 * 8))
def test_a_flipped_bit_is_never_taken_for_an_instruction(flipped: int) -> None:
    content = bytearray(instruction(1, 3, b"\x28\x01"))
    content[flipped // 8] ^= 1 << flipped % 8
    reader = PacketReader()
    found = reader.feed(bytes(content))[0] + reader.give_up()[0]
    assert found == []


def test_damage_is_counted() -> None:
    reader = PacketReader()
    wrong = instruction(1, 1)[:-1] + b"\x00"
    assert reader.feed(wrong)[1] == 1
    reader.feed(instruction(2, 1)[:-1])
    assert reader.waiting
    assert reader.give_up()[1] >= 1
