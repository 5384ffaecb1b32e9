"""Images in the replay buffer: kept once, uint8, each the one that was added, whatever moves."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_app.bench.replay import PlainImages
from hil_app.learning import FeatureType, NStepReturns, PolicyFeature, ReplayBuffer
from hil_app.learning.buffer.images import RECENT, ImageStore, map_key
from hil_app.learning.sac.losses import example_batch

KEY = "observation.images.front"


def image(number, height=5, width=7):
    """uint8 (3, H, W); its first pixel is the number, every other tells where it is."""
    pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    pixels[0, 0] = number % 251
    return np.moveaxis(pixels, -1, 0)


def number(pixels):
    return int(pixels[0, 0, 0])


def fill(buffer, lengths, first=0):
    """Episodes of these lengths; image n is followed by n + 1, and is one object in both rows."""
    for length in lengths:
        shown = [image(first + i) for i in range(length + 1)]
        for i, (now, then) in enumerate(pairwise(shown)):
            end = i == length - 1
            buffer.add({KEY: now}, np.zeros(2), float(first + i), {KEY: then}, end, False)
        first += length + 1


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    capacity=st.integers(1, 30),
    snapshots=st.booleans(),
)
def test_every_row_has_its_own_images(lengths, capacity, snapshots):
    buffer = ReplayBuffer(capacity, "cpu", [KEY])
    first = 0
    for length in lengths:
        fill(buffer, [length], first)
        first += length + 1
        if snapshots:
            buffer.state_dict()
    batch = buffer.sample(64)
    for row, now, then in zip(
        batch["reward"].tolist(), batch["state"][KEY], batch["next_state"][KEY], strict=True
    ):
        assert np.array_equal(now.numpy(), image(int(row)))
        assert np.array_equal(then.numpy(), image(int(row) + 1))


def test_trap_11_an_image_is_kept_once_and_as_uint8():
    buffer = ReplayBuffer(10_000, "cpu", [KEY])
    shown = [np.random.default_rng(i).integers(256, size=(3, 64, 64), dtype=np.uint8)
             for i in range(2001)]  # fmt: skip
    for now, then in pairwise(shown):
        buffer.add({KEY: now}, np.zeros(2), 0.0, {KEY: then}, False, False)
    numbers = 10_000 * (2 * 8 + 2 * 4 + 4 * 3)  # slots, actions, reward, done, truncated: at most
    assert buffer.bytes < numbers + 1.2 * sum(pixels.nbytes for pixels in shown)
    batch = buffer.sample(3)
    assert batch["state"][KEY].dtype == torch.uint8


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_a_frame_array_that_is_used_again_shows_each_row_its_own(n_steps, kind):
    """As environments do that fill one array: here both of a row's images are views of it."""
    memory = np.zeros((2, 3, 5, 7), np.uint8)
    now, then = (kind(memory[i]) for i in range(2))
    buffer, returns = ReplayBuffer(50, "cpu", [KEY]), NStepReturns(n_steps, 1.0)
    for i in range(30):
        memory[0], memory[1] = image(i), image(i + 1)
        row = {KEY: now}, np.full(2, i), 0.0, {KEY: then}, i == 29, False
        if n_steps == 1:
            buffer.add(*row)
        else:
            for later in returns.add(*row):
                buffer.add(**later.transition())
    batch = buffer.at(range(30))
    assert [number(pixels) for pixels in batch["state"][KEY]] == [*range(30)]
    ends = [min(i + n_steps, 30) for i in range(30)]
    assert [number(pixels) for pixels in batch["next_state"][KEY]] == ends
    rows = buffer.state_dict()
    slots = torch.cat([rows[f"rows.{group}.{KEY}"] for group in ("state", "next_state")])
    assert len(slots.unique()) == 31  # each is kept once


def test_trap_11_images_of_floats_are_refused():
    buffer, pixels = ReplayBuffer(4, "cpu", [KEY]), torch.rand(3, 8, 8)
    with pytest.raises(ValueError, match=r"image of float32.*store images as uint8"):
        buffer.add({KEY: pixels}, np.zeros(2), 0.0, {KEY: pixels}, False, False)


def test_memory_is_taken_as_it_is_used_and_used_again():
    buffer = ReplayBuffer(200, "cpu", [KEY])
    fill(buffer, [50])
    small = buffer.bytes
    for _ in range(40):
        fill(buffer, [200])
    assert buffer.bytes == small  # one block of 4 MB holds them all
    store = ImageStore(torch.zeros(3, 64, 64, dtype=torch.uint8))
    for i in range(1500):  # far more than RECENT and than a block
        store.drop(store.put(torch.tensor([i % 256, i // 256] * 6144).byte().view(3, 64, 64)))
    assert store.bytes < 5e6
    assert RECENT < 5000


@given(pad=st.integers(1, 4), seed=st.integers(0, 1000))
def test_a_shift_moves_the_whole_image_and_repeats_its_edge(pad, seed):
    buffer = ReplayBuffer(4, "cpu", [KEY], use_drq=True, image_pad=pad, seed=seed)
    fill(buffer, [1])
    original = torch.from_numpy(image(0).copy())
    padded = torch.nn.functional.pad(original[None].float(), [pad] * 4, mode="replicate")[0]
    height, width = original.shape[1:]
    possible = [
        padded[:, y : y + height, x : x + width]
        for y in range(2 * pad + 1)
        for x in range(2 * pad + 1)
    ]
    for moved in buffer.sample(8)["state"][KEY]:
        assert any(torch.equal(moved.float(), one) for one in possible)


def test_shifts_differ_by_row_and_by_state_and_cover_the_range():
    buffer = ReplayBuffer(4, "cpu", [KEY], use_drq=True, image_pad=2)
    pixels = np.zeros((3, 9, 9), np.uint8)
    pixels[:, 4, 4] = 255
    buffer.add({KEY: pixels}, np.zeros(2), 0.0, {KEY: pixels}, False, False)
    batch = buffer.sample(400)
    places = {
        group: [tuple((one[0] == 255).nonzero()[0].tolist()) for one in batch[group][KEY]]
        for group in ("state", "next_state")
    }
    assert set(places["state"]) == {(y, x) for y in range(2, 7) for x in range(2, 7)}
    assert places["state"] != places["next_state"]


def test_a_shift_beyond_the_image_is_refused():
    with pytest.raises(ValueError, match=r"image_pad 5 is too much for .*\(3, 5, 7\)"):
        fill(ReplayBuffer(4, "cpu", [KEY], use_drq=True, image_pad=5), [1])


def test_without_drq_nothing_moves():
    buffer = ReplayBuffer(4, "cpu", [KEY])
    fill(buffer, [1])
    assert all(np.array_equal(one.numpy(), image(0)) for one in buffer.sample(9)["state"][KEY])


def test_feature_maps_are_kept_as_they_are():
    key = map_key(KEY)
    buffer = ReplayBuffer(4, "cpu", [key], use_drq=True, image_pad=2)
    now, then = torch.rand(8, 2, 3), torch.rand(8, 2, 3)
    buffer.add({key: now}, np.zeros(2), 0.0, {key: then}, False, False)
    batch = buffer.sample(2)
    assert torch.equal(batch["state"][key][0], now)
    assert torch.equal(batch["next_state"][key][1], then)


def test_a_snapshot_stays_as_it_was_and_shares_what_has_not_changed():
    buffer = ReplayBuffer(400, "cpu", [KEY])
    shape = 64, 64  # 325 images a block
    for i in range(380):
        pixels = image(i, *shape)
        buffer.add({KEY: pixels}, np.zeros(2), float(i), {KEY: pixels}, False, False)
    taken = buffer.state_dict()
    kept = {name: tensor.clone() for name, tensor in taken.items()}
    fill_image = image(7, *shape)
    buffer.add({KEY: fill_image}, np.zeros(2), 7.0, {KEY: fill_image}, False, False)
    assert all(torch.equal(taken[name], kept[name]) for name in kept)
    again = buffer.state_dict()
    blocks = sorted(name for name in taken if name.startswith("blocks."))
    assert [again[name] is taken[name] for name in blocks] == [True, False]


@settings(max_examples=20)
@given(
    before=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    after=st.lists(st.integers(1, 9), max_size=6),
    capacity=st.integers(1, 25),
)
def test_a_restored_buffer_goes_on_identically(before, after, capacity):
    original = ReplayBuffer(capacity, "cpu", [KEY], use_drq=True, image_pad=1)
    fill(original, before)
    restored = ReplayBuffer(capacity, "cpu", [KEY], use_drq=True, image_pad=1, seed=5)
    restored.load_state_dict({k: v.clone() for k, v in original.state_dict().items()})
    for buffer in (original, restored):
        fill(buffer, after, first=100)
    one, other = original.sample(40), restored.sample(40)
    assert torch.equal(one["reward"], other["reward"])
    for group in ("state", "next_state"):
        assert torch.equal(one[group][KEY], other[group][KEY])


def test_an_image_of_another_size_is_refused():
    buffer = ReplayBuffer(4, "cpu", [KEY])
    fill(buffer, [1])
    with pytest.raises(ValueError, match=r"\(3, 6, 7\); the buffer stores uint8 \(3, 5, 7\)"):
        buffer.add({KEY: image(0, 6)}, np.zeros(2), 0.0, {KEY: image(0, 6)}, False, False)


@given(shifts=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=9))
def test_the_plain_way_gives_the_same_images(shifts):
    shown, plain = [torch.from_numpy(image(i).copy()) for i in range(6)], PlainImages(pad=2)
    store = ImageStore(shown[0])
    slots = [store.put(pixels) for pixels in shown]
    for now, then in pairwise(shown):
        plain.add(now, then)
    rows = [i % 5 for i in range(len(shifts))]
    moves = torch.tensor([shifts, shifts[::-1]])
    expected = plain.sample(torch.tensor(rows), moves)
    for offset, group in enumerate(expected):
        ours = store.gather([slots[row + offset] for row in rows], moves[offset].tolist())
        assert torch.equal(ours.float() / 255, group)


def test_what_is_compiled_for_lies_in_memory_as_what_is_drawn(make_sac):
    shape = {KEY: PolicyFeature(FeatureType.VISUAL, (3, 8, 9))}
    sac = make_sac(policy={"input_features": shape})
    buffer = ReplayBuffer(50, "cpu", [KEY])
    for i in range(12):
        now, then = image(i, 8, 9), image(i + 1, 8, 9)
        buffer.add({KEY: now}, np.zeros(4), 0.0, {KEY: then}, False, False)
    drawn, compiled_for = buffer.sample(16), example_batch(sac.policy, 16)
    for group in ("state", "next_state"):
        assert drawn[group][KEY].stride() == compiled_for[group][KEY].stride()
        assert drawn[group][KEY].dtype == compiled_for[group][KEY].dtype
