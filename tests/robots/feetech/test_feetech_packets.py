"""The reader of status packets: what it finds in good bytes, bad bytes and any bytes."""

from hypothesis import given, settings
from hypothesis import strategies as st
from pty_servos import packet

from robots.feetech.packets import Replies, Status
from robots.feetech.registers import REGISTERS, Register

WANTED, SIZE = (1, 2, 3), 4
# A whole packet with the beginning of another in it is not believed: see the packet cut short.
contents = st.binary(min_size=SIZE, max_size=SIZE).filter(
    lambda content: b"\xff\xff" not in content
)
statuses = st.tuples(st.sampled_from(WANTED), st.integers(0, 0x7F), contents)
noise = st.lists(st.sampled_from([0xFF, 0xFE, 1, 2, SIZE + 2, 0, 0x55]) | st.integers(0, 255))
registers = st.sampled_from(list(REGISTERS.values()))


def read(content: bytes, sizes: list[int] = [], size: int = SIZE) -> Replies:  # noqa: B006
    """What is found in ``content``, fed in chunks of these sizes and then the rest."""
    replies = Replies(WANTED, size)
    for length in sizes:
        replies.feed(content[:length])
        content = content[length:]
    replies.feed(content)
    return replies


@given(st.permutations(WANTED), contents, st.integers(0, 0x7F), st.lists(st.integers(1, 9)))
def test_answers_are_found_however_the_bytes_are_cut(order, content, error, sizes):
    sent = b"".join(packet(motor, error, content) for motor in order)
    replies = read(sent, sizes)
    assert replies.found == dict.fromkeys(order, Status(error, content))
    assert replies.complete
    assert not replies.twice


@given(noise, statuses, noise)
def test_a_valid_status_hidden_among_garbage_is_found(before, status, after):
    replies = read(bytes(before) + packet(*status) + b"\x00" + bytes(after))
    assert replies.found.get(status[0]) == Status(*status[1:])


@given(st.binary(max_size=300) | noise.map(bytes), st.lists(st.integers(1, 40)))
def test_any_bytes_give_only_what_a_valid_packet_in_them_says(content, sizes):
    replies = read(content, sizes)
    assert replies.buffer == content
    for motor, status in replies.found.items():
        assert packet(motor, *status) in content


@given(statuses, st.data())
def test_a_packet_with_a_flipped_bit_is_never_believed(status, data):
    sent = bytearray(packet(*status))
    bit = data.draw(st.integers(0, 8 * len(sent) - 1))
    sent[bit // 8] ^= 1 << bit % 8
    assert not read(bytes(sent)).found


@settings(max_examples=1000)
@given(contents, contents, st.integers(1, SIZE + 5), st.integers(0, 2))
def test_a_packet_cut_short_is_never_completed_by_the_next(first, second, kept, error):
    """One in 256 would have a fitting checksum; this one is made to have it."""
    cut = bytearray(packet(1, error, first)[:kept])
    whole = packet(2, 0, second)
    if kept >= 6:  # let the checksum fit what the next packet begins with
        missing = len(packet(1, error, first)) - kept
        cut[5] = (cut[5] - sum(cut[2:]) - sum(whole[:missing]) - 1) % 256
        assert sum(cut[2:] + whole[:missing]) & 0xFF == 0xFF
    replies = read(bytes(cut) + whole)
    assert replies.found == {2: Status(0, second)}


def test_content_that_looks_like_a_header_does_no_harm():
    sent = [packet(1, 0, b"\xff\xff\xff\xff"), packet(2, 0, b"\xff\xff\x07\x06")]
    assert read(b"".join(sent)).found.keys() == {1, 2}


def test_an_id_that_was_not_asked_or_a_wrong_length_is_passed_over():
    stranger, short, long = packet(9, 0, b"abcd"), packet(1, 0, b"abc"), packet(1, 0, b"abcde")
    replies = read(stranger + short + long + packet(2, 0, b"good"))
    assert replies.found == {2: Status(0, b"good")}
    assert replies.problem(1) == "no answer"
    assert replies.problem(2) is None


def test_an_error_byte_that_cannot_be_is_a_damaged_packet():
    assert read(packet(1, 0x80, b"abcd")).problem(1) == "damaged packet"


def test_an_id_that_answers_twice_is_not_believed():
    replies = read(packet(1, 0, b"abcd") + packet(1, 0, b"abce"))
    assert replies.problem(1) == "two answers to one request"


@given(registers, st.data())
def test_every_value_that_a_register_holds_comes_back_as_it_was(register: Register, data):
    value = data.draw(st.integers(register.lowest, register.highest))
    content = register.encode(value)
    assert len(content) == register.size
    assert register.decode(content) == value


def test_signs_are_a_bit_and_not_a_complement():
    is_intervention = {
        ("Homing_Offset", -123): 123 | 1 << 11,
        ("Present_Load", -1): 1 | 1 << 10,
        ("Goal_Position", -1): 1 | 1 << 15,
        ("Present_Current", -300): 300 | 1 << 15,
        ("Goal_Position", 2048): 2048,
    }
    for (name, value), raw in is_intervention.items():
        assert REGISTERS[name].encode(value) == raw.to_bytes(2, "little")
        assert REGISTERS[name].decode(raw.to_bytes(2, "little")) == value
    assert REGISTERS["Homing_Offset"].decode(b"\x00\x08") == 0  # minus zero
