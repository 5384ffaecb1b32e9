"""Images of a batch that are lit and coloured at random: how far, by what, and which."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from configs.learning.learner import LearnerConfig
from configs.learning.photometric import PhotometricConfig
from hil_app.learning import ReplayBuffer
from hil_app.learning.buffer.augmentation import GREY, drawn_light, relight
from hil_app.learning.buffer.images import map_key

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
NONE = {"brightness": 0, "contrast": 0, "colour": 0}
MOST = PhotometricConfig(brightness=0.75, contrast=0.75, colour=0.75)


def images(count=1, height=5, width=7):
    """(B, C, H, W) of every level, in memory as a buffer gathers them: (B, H, W, C)."""
    levels = np.random.default_rng(0).integers(256, size=(count, height, width, 3), dtype=np.uint8)
    return torch.from_numpy(levels).permute(0, 3, 1, 2)


def sampled(pixels, rows=300, **options):
    """A batch of one row whose images all show ``pixels`` (3, H, W)."""
    buffer = ReplayBuffer(4, "cpu", [FRONT, WRIST], **{"seed": 0, **options})
    seen = {FRONT: pixels, WRIST: pixels}
    buffer.add(seen, np.zeros(2), 0.0, seen, False, False)
    return buffer.sample(rows)


@given(seed=st.integers(0, 10_000))
def test_whole_numbers_come_to_what_floats_do(seed):
    lit = images(6, 16, 16)
    before = lit.clone()
    gain, offset = drawn_light(MOST, 6, 3, torch.Generator().manual_seed(seed))
    relight(lit, gain, offset)
    gain, offset = gain[..., None, None], offset[..., None, None]
    exact = ((before.float() - GREY) * gain + GREY + offset).clamp(0, 255)
    assert (lit.float() - exact).abs().max() <= 3


def test_the_largest_factors_do_not_overflow():
    ends = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 2, 1).repeat(1, 3, 1, 1)
    ends = ends.to(memory_format=torch.channels_last)
    light = 1.75**2
    relight(ends, torch.full((1, 3), light * 1.75), torch.full((1, 3), GREY * (light - 1)))
    assert ends[0, 0].flatten().tolist() == [0, 255]


@pytest.mark.parametrize("name", NONE)
def test_each_option_changes_what_it_says_and_by_as_much(name):
    how = PhotometricConfig(**{**NONE, name: 0.5})
    gain, offset = drawn_light(how, 4000, 3, torch.Generator().manual_seed(0))
    assert 1 / 1.5 <= gain.min() < 0.68
    assert 1.49 < gain.max() <= 1.5
    assert 0.49 < (gain > 1).float().mean() < 0.51  # as often up as down
    same_for_all_colours = torch.equal(gain[:, 0], gain[:, 1])
    assert same_for_all_colours == (name != "colour")
    light = torch.ones(()) if name == "contrast" else gain  # contrast alone leaves grey as it is
    torch.testing.assert_close(offset, (GREY * (light - 1)).expand(4000, 3))


def test_brightness_makes_light_of_lamps_brighter_and_leaves_the_dark_dark():
    pixels = torch.tensor([0, 40, 80], dtype=torch.uint8).view(3, 1, 1).expand(3, 8, 8).numpy()
    lit = sampled(pixels, photometric=PhotometricConfig(**{**NONE, "brightness": 0.5}))
    front = lit["state"][FRONT][:, :, 0, 0].float()
    assert front[:, 0].max() <= 2
    ratio = front[:, 2] / front[:, 1]
    assert ((ratio > 1.8) & (ratio < 2.2)).all()
    assert front[:, 2].min() < 58
    assert front[:, 2].max() > 115


def test_every_image_is_lit_by_itself():
    lit = sampled(images(1)[0].numpy(), photometric=PhotometricConfig())
    drawn = [lit[group][key] for group in ("state", "next_state") for key in (FRONT, WRIST)]
    for one in drawn:
        assert len(one.flatten(1).unique(dim=0)) > 290
    for i in range(4):
        assert not any(torch.equal(drawn[i], other) for other in drawn[i + 1 :])


def test_the_seed_fixes_it_and_the_stored_images_stay():
    pixels = images(1)[0].numpy()
    first, same, other = (
        sampled(pixels, photometric=PhotometricConfig(), seed=seed)["state"][FRONT]
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    buffer = ReplayBuffer(4, "cpu", [FRONT], photometric=PhotometricConfig())
    buffer.add({FRONT: pixels}, np.zeros(2), 0.0, {FRONT: pixels}, False, False)
    buffer.sample(9)
    assert np.array_equal(buffer.at([0])["state"][FRONT][0].numpy(), pixels)


def test_without_it_and_with_all_of_it_at_nothing_images_stay_as_they_are():
    pixels = images(1)[0].numpy()
    for how in (None, PhotometricConfig(**NONE)):
        shown = sampled(pixels, photometric=how)["next_state"][WRIST]
        assert all(np.array_equal(one.numpy(), pixels) for one in shown)


def test_a_move_is_the_same_with_or_without_light():
    pixels = np.zeros((3, 9, 9), np.uint8)
    pixels[:, 4, 4] = 200
    first, second = (
        sampled(pixels, use_drq=True, image_pad={FRONT: 3}, photometric=how)["state"]
        for how in (None, PhotometricConfig())
    )
    places, same = (one[FRONT].float().sum(1).flatten(1).argmax(1) for one in (first, second))
    assert len(places.unique()) == 49
    assert torch.equal(places, same)
    assert (first[WRIST][:, 0, 4, 4] == 200).all()  # it has no pad


def test_feature_maps_are_not_lit():
    key = map_key(FRONT)
    buffer = ReplayBuffer(4, "cpu", [key], photometric=PhotometricConfig())
    maps = torch.rand(8, 2, 3)
    buffer.add({key: maps}, np.zeros(2), 0.0, {key: maps}, False, False)
    assert torch.equal(buffer.sample(1)["state"][key][0], maps)


def test_more_than_the_arithmetic_holds_is_refused():
    with pytest.raises(ValidationError, match="brightness"):
        LearnerConfig(photometric={"brightness": 0.8})
