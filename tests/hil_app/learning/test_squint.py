"""A policy that looks at smaller images than people see: how small, and what is kept of them."""

from itertools import pairwise, repeat

import cv2
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.names import ACTION
from hil_app.learning import GaussianActorPolicy, ReplayBuffer
from hil_app.learning.networks.vision import Squint
from hil_app.learning.sac.losses import example_batch

FRONT, WRIST = "observation.images.front", "observation.images.wrist"
SHAPES = {FRONT: (3, 48, 64), WRIST: (3, 24, 24)}


def config(**changes):
    return GaussianActorConfig(
        input_features={k: PolicyFeature(FeatureType.VISUAL, s) for k, s in SHAPES.items()},
        output_features={ACTION: PolicyFeature(FeatureType.ACTION, (3,))},
        **{"latent_dim": 8, "hidden_dims": [16], "image_encoder_hidden_dim": 4, **changes},
    )


def seen(seed=0):
    """One observation of the loop: images (H, W, C)."""
    draw = np.random.default_rng(seed)
    return {
        key: draw.integers(256, size=(height, width, channels), dtype=np.uint8)
        for key, (channels, height, width) in SHAPES.items()
    }


@pytest.mark.parametrize("large", [(64, 64), (48, 64), (37, 53)])
@pytest.mark.parametrize("small", [(32, 32), (16, 16), (20, 20)])
def test_it_averages_over_areas_as_opencv_does(large, small):
    image = np.random.default_rng(0).integers(256, size=(*large, 3), dtype=np.uint8)
    ours = Squint(large, small)(torch.from_numpy(image).permute(2, 0, 1))
    assert ours.dtype == torch.uint8
    theirs = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    difference = ours.permute(1, 2, 0).numpy().astype(int) - theirs
    assert abs(difference).max() <= 1


def test_a_fine_pattern_fades_to_grey():
    stripes = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    stripes[..., ::2] = 200
    assert (Squint((64, 64), (32, 32))(stripes) == 100).all()


def test_images_that_are_small_already_stay():
    small = torch.zeros(3, 16, 16, dtype=torch.uint8)
    assert Squint((64, 64), (16, 16))(small) is small


@pytest.mark.parametrize(
    ("size", "front", "wrist"),
    [
        (None, (3, 48, 64), (3, 24, 24)),
        (16, (3, 16, 16), (3, 16, 16)),
        (32, (3, 32, 32), (3, 24, 24)),  # none is made larger
        ({"front": 20}, (3, 20, 20), (3, 24, 24)),
        ({"front": 32, "wrist": 16}, (3, 32, 32), (3, 16, 16)),
    ],
)
@pytest.mark.parametrize("frozen", [False, True])
def test_the_networks_see_and_the_buffer_keeps_as_much_as_the_config_says(
    size, front, wrist, frozen
):
    policy = GaussianActorPolicy(config(image_size=size, freeze_vision_encoder=frozen), seed=0)
    kept = policy.replay_state(seen())
    if not frozen:
        assert {key: image.shape for key, image in kept.items()} == {FRONT: front, WRIST: wrist}
        assert all(image.dtype == np.uint8 for image in kept.values())
    batch = {key: torch.from_numpy(value)[None] for key, value in kept.items()}
    of_kept = policy.select_action(batch, deterministic=True)[0]
    of_seen = policy.select_action(policy.observation(seen()), deterministic=True)
    torch.testing.assert_close(of_kept, of_seen, rtol=1e-4, atol=1e-5)


def test_a_change_that_squinting_does_not_show_changes_no_action():
    policy = GaussianActorPolicy(config(image_size={"front": 16}), seed=0)
    one = seen()
    finer = {**one, FRONT: one[FRONT].copy()}
    finer[FRONT][0, :2] = finer[FRONT][0, 1::-1]  # two pixels of the same area change places
    first, second = (
        policy.select_action(policy.observation(each), deterministic=True) for each in (one, finer)
    )
    assert not np.array_equal(one[FRONT], finer[FRONT])
    assert torch.equal(first, second)


def test_a_saved_policy_squints_as_before(tmp_path):
    policy = GaussianActorPolicy(config(image_size={"front": 16}), seed=0)
    policy.save_pretrained(tmp_path)
    again = GaussianActorPolicy.from_pretrained(tmp_path)
    assert again.config.image_size == {"front": 16}
    first, second = (
        each.select_action(each.observation(seen()), deterministic=True) for each in (policy, again)
    )
    assert torch.equal(first, second)


def test_a_buffer_of_squinted_images_is_as_small_as_they_are():
    policy = GaussianActorPolicy(config(image_size=16), seed=0)
    buffer = ReplayBuffer(1000, "cpu", policy.replay_keys)
    for now, then in pairwise(policy.replay_state(seen(i)) for i in range(9)):
        buffer.add(now, np.zeros(3), 0.0, then, False, False)
    assert buffer.sample(2)["state"][FRONT].shape == (2, 3, 16, 16)


@pytest.mark.parametrize("size", [7, 5000, 16.5, True, "small", {"front": 4}])
def test_what_is_no_size_is_refused_in_words(size):
    with pytest.raises(ValidationError, match=r"must be 8 to 4096 pixels, or that by camera"):
        config(image_size=size)


def test_sac_learns_from_batches_of_either_size(make_sac):
    algorithm = make_sac(
        policy={
            "input_features": {FRONT: PolicyFeature(FeatureType.VISUAL, (3, 48, 64))},
            "image_size": 16,
        }
    )
    example = example_batch(algorithm.policy, 4)
    assert example["state"][FRONT].shape == (4, 3, 16, 16)
    large = torch.randint(256, (4, 3, 48, 64), dtype=torch.uint8)
    for images in (large, algorithm.policy.perceive.squints[0](large)):
        batch = {**example, "state": {FRONT: images}, "next_state": {FRONT: images}}
        assert algorithm.update(repeat(batch)).losses["loss_critic"] > 0
    with pytest.raises(ValueError, match=r"for 4 actions the policy needs \(4, 3, 16, 16\)"):
        algorithm.update(repeat({**batch, "state": {FRONT: images[..., 1:]}}))
