"""Encoders of images: shapes, seeds, scaling, frozen weights and their files."""

import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from hil_app.learning import OBS_STATE, FeatureType, GaussianActorConfig, Normalizer, PolicyFeature
from hil_app.learning import GaussianActorPolicy as Policy
from hil_app.learning.buffer.images import map_key
from hil_app.learning.networks.vision import VisionError, cnn, load_weights, resnet10

FRONT, WRIST = "observation.images.front", "observation.images.wrist"


def inputs(size=(24, 32)):
    return {
        OBS_STATE: PolicyFeature(FeatureType.STATE, (4,)),
        FRONT: PolicyFeature(FeatureType.VISUAL, (3, *size)),
        WRIST: PolicyFeature(FeatureType.VISUAL, (3, 16, 16)),
    }


def seen(*lead, seed=0, size=(24, 32)):
    draw = torch.Generator().manual_seed(seed)
    pixels = {"generator": draw, "dtype": torch.uint8}
    return {
        OBS_STATE: torch.randn(*lead, 4, generator=draw),
        FRONT: torch.randint(0, 256, (*lead, 3, *size), **pixels),
        WRIST: torch.randint(0, 256, (*lead, 3, 16, 16), **pixels),
    }


@pytest.fixture
def make_policy(policy_config):
    def make(seed=0, **changes):
        return Policy(policy_config(**{"input_features": inputs(), **changes}), seed=seed)

    return make


KINDS = [
    {"vision_encoder_name": name, "freeze_vision_encoder": frozen, "shared_encoder": shared}
    for name in ("cnn", "resnet10")
    for frozen in (True, False)
    for shared in (True, False)
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_batch_acts_as_its_images_do_alone(make_policy, kind):
    policy, batch = make_policy(**kind), seen(3)
    together = policy.select_action(batch, deterministic=True)
    assert together.shape == (3, 4)
    for i in range(3):
        alone = policy.select_action({k: v[i] for k, v in batch.items()}, deterministic=True)
        torch.testing.assert_close(alone, together[i], rtol=1e-4, atol=1e-5)


def test_every_camera_counts(make_policy):
    policy = make_policy()
    usual = policy.encoder(policy.perceive(seen(2)))
    for key in (FRONT, WRIST):
        other = {**seen(2), key: seen(2, seed=1)[key]}
        assert not torch.equal(policy.encoder(policy.perceive(other)), usual)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(8, 4), (12, 6), (16, 4), (24, 6), (32, 8), (64, 8), (128, 8), (96, 6)],
    ids=lambda value: str(value),
)
def test_the_cnn_ends_at_a_small_map_whatever_the_image(size, expected):
    body = cnn((3, size, size), 16, torch.Generator())
    assert body(torch.zeros(1, 3, size, size)).shape == (1, 16, expected, expected)


def test_a_resnet10_has_ten_layers_with_weights_and_halves_five_times():
    body = resnet10(3, torch.Generator())
    weights = [
        name for name, p in body.named_parameters() if p.ndim == 4 and "shortcut" not in name
    ]
    assert len(weights) + 1 == 10  # the tenth is the classifier that nobody needs here
    assert body(torch.zeros(1, 3, 128, 128)).shape == (1, 512, 4, 4)


def test_the_seed_fixes_the_weights_and_nothing_else_does(make_policy):
    before = torch.get_rng_state()
    first, same, other = (make_policy(seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], same[name]) for name in first)
    conv = next(name for name in first if first[name].ndim == 4)
    assert not torch.equal(first[conv], other[conv])


def test_frozen_encoders_are_the_same_for_every_seed_and_nobody_trains_them(make_policy):
    one, other = (make_policy(seed=s, freeze_vision_encoder=True) for s in (0, 1))
    batch = seen(2)
    assert torch.equal(one.perceive(batch)[map_key(FRONT)], other.perceive(batch)[map_key(FRONT)])
    trained = {p for group in one.get_optim_params().values() for p in group}
    assert not trained & set(one.perceive.parameters())
    assert all(not p.requires_grad for p in one.perceive.parameters())
    assert sum(p.numel() for p in one.perceive.parameters()) > 0


def test_a_trained_encoder_is_trained_with_the_critics(make_policy):
    policy = make_policy()
    encoder = policy.get_optim_params()["encoder"]
    assert any(p.ndim == 4 for p in encoder)
    assert not list(policy.perceive.parameters())


@pytest.mark.parametrize("frozen", [True, False])
def test_maps_that_are_there_already_stand_for_their_images(make_policy, frozen):
    policy, batch = make_policy(freeze_vision_encoder=frozen), seen(2)
    kept = policy.perceive.kept(batch)
    assert set(kept) == set(policy.replay_keys)
    assert (map_key(FRONT) in kept) == frozen
    features = policy.encoder(policy.perceive(kept))
    assert torch.equal(features, policy.encoder(policy.perceive(batch)))


def test_the_loops_images_are_turned_without_a_copy(make_policy):
    policy = make_policy()
    front = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)
    features = {
        OBS_STATE: np.ones(4, np.float32),
        FRONT: front,
        WRIST: np.zeros((16, 16, 3), np.uint8),
        "observation.images.spare": front,
    }
    kept = policy.replay_state(features)
    assert kept.keys() == {OBS_STATE, FRONT, WRIST}
    assert np.shares_memory(kept[FRONT], front)
    assert kept[FRONT].shape == (3, 24, 32)
    assert (kept[FRONT][2] == front[..., 2]).all()


def test_images_of_floats_and_of_bytes_are_the_same(make_policy):
    policy, batch = make_policy(), seen(2)
    floats = {k: v / 255 if v.dtype == torch.uint8 else v for k, v in batch.items()}
    torch.testing.assert_close(
        policy.encoder(policy.perceive(floats)), policy.encoder(policy.perceive(batch))
    )


def test_trap_14_statistics_of_channels_scale_channels(make_policy):
    stats = {FRONT: {"mean": [0.0, 0.5, 1.0], "std": [1.0, 0.5, 0.25]}}
    policy = make_policy(dataset_stats=stats)
    image = torch.tensor([51, 102, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(5, 3, 24, 32)
    scaled = policy.perceive({**seen(5), FRONT: image})[FRONT]
    for channel, expected in enumerate([0.2, (0.4 - 0.5) / 0.5, 0.0]):
        torch.testing.assert_close(scaled[:, channel], torch.full((5, 24, 32), expected))
    untouched = Normalizer(policy.config).observation({**seen(5), FRONT: image})[FRONT]
    assert untouched is image


@pytest.mark.parametrize("name", ["cnn", "resnet10"])
def test_weights_come_from_a_file(policy_config, tmp_path, name):
    draw = torch.Generator().manual_seed(9)
    body = resnet10(3, draw) if name == "resnet10" else cnn((3, 24, 32), 4, draw)
    save_file(body.state_dict(), tmp_path / "vision.safetensors")
    features = {key: value for key, value in inputs().items() if key != WRIST}
    config = policy_config(
        input_features=features,
        vision_encoder_name=name,
        vision_encoder_weights=str(tmp_path / "vision.safetensors"),
        image_encoder_hidden_dim=4,
        freeze_vision_encoder=True,
    )
    (loaded,) = Policy(config).perceive.encoders
    for one, other in zip(loaded.body.parameters(), body.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_saved_policy_needs_no_weights_file_any_more(policy_config, tmp_path):
    save_file(cnn((3, 24, 32), 4, torch.Generator()).state_dict(), tmp_path / "w.safetensors")
    features = {key: value for key, value in inputs().items() if key != WRIST}
    config = policy_config(
        input_features=features,
        vision_encoder_weights=str(tmp_path / "w.safetensors"),
        image_encoder_hidden_dim=4,
        freeze_vision_encoder=True,
    )
    policy = Policy(config)
    policy.save_pretrained(tmp_path / "policy")
    (tmp_path / "w.safetensors").unlink()
    again = Policy.from_pretrained(tmp_path / "policy")
    batch = {key: value for key, value in seen(2).items() if key != WRIST}
    one, other = (p.select_action(batch, deterministic=True) for p in (policy, again))
    assert torch.equal(one, other)


def test_bad_weights_are_one_clear_line(tmp_path, monkeypatch):
    body = cnn((3, 16, 16), 4, torch.Generator())
    with pytest.raises(VisionError, match=r"no file /no/such.safetensors; name a safetensors"):
        load_weights(body, "/no/such.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")
    with pytest.raises(VisionError, match="does not fit this encoder, whose tensors are"):
        load_weights(body, str(tmp_path / "torn.safetensors"))
    save_file({"other": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(VisionError, match=r'Missing key.*"0.weight".*"other"'):
        load_weights(body, str(tmp_path / "other.safetensors"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(VisionError, match=r"-m pip install 'huggingface-hub>="):
        load_weights(body, f"someone/resnet10@{COMMIT}")


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_weights_come_from_the_hub_with_its_own_client(tmp_path, monkeypatch):
    body = cnn((3, 16, 16), 4, torch.Generator().manual_seed(3))
    save_file(body.state_dict(), tmp_path / "model.safetensors")
    asked = []

    class Hub:
        @staticmethod
        def hf_hub_download(repository, file, revision):
            asked.append((repository, file, revision))
            if repository == "no/access":
                raise OSError("401 unauthorised")
            return str(tmp_path / file)

    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub)
    other = cnn((3, 16, 16), 4, torch.Generator().manual_seed(4))
    load_weights(other, f"someone/vision@{COMMIT}")
    assert asked == [("someone/vision", "model.safetensors", COMMIT)]
    assert torch.equal(other[0].weight, body[0].weight)
    with pytest.raises(VisionError, match=r"cannot get model\.safetensors of no/access: 401"):
        load_weights(other, f"no/access@{COMMIT}")
    with pytest.raises(VisionError, match=r"someone/vision has may change: name the commit"):
        load_weights(other, "someone/vision")
    for wrong in ("main", COMMIT[:7], COMMIT.upper(), f"{COMMIT}0"):
        with pytest.raises(VisionError, match="no file someone/vision@"):
            load_weights(other, f"someone/vision@{wrong}")
    assert len(asked) == 2


def test_a_missing_image_names_what_is_there(make_policy):
    policy = make_policy()
    with pytest.raises(KeyError, match=WRIST):
        policy.select_action({k: v for k, v in seen().items() if k != WRIST})


@pytest.mark.parametrize(
    ("stats", "message"),
    [
        ({"mean": [0.5] * 3}, "needs mean and std, has"),
        ({"mean": [0.5], "std": [0.5]}, "has 1 mean and 1 std values; the feature has 3"),
        ({"mean": [0.5] * 3, "std": [0.5, 0, 1]}, "std that is not positive"),
    ],
)
def test_unusable_image_statistics_are_refused(policy_config, stats, message):
    config = policy_config(input_features=inputs(), dataset_stats={FRONT: stats})
    with pytest.raises(ValueError, match=message):
        config.validate_features()


CHANGES = {
    "vision_encoder_name": "resnet10",
    "image_encoder_hidden_dim": 6,
    "image_embedding_pooling_dim": 3,
    "freeze_vision_encoder": True,
    "image_size": 8,
}


@pytest.mark.parametrize("name", CHANGES)
def test_no_vision_field_is_dead(make_policy, name):
    usual, changed = make_policy(), make_policy(**{name: CHANGES[name]})
    one, other = (p.select_action(seen(2), deterministic=True) for p in (usual, changed))
    assert not torch.equal(one, other)


def test_the_list_of_vision_fields_is_complete():
    named = {f for f in GaussianActorConfig.model_fields if "vision" in f or "image" in f}
    assert named == CHANGES.keys() | {"vision_encoder_weights"}


@pytest.mark.parametrize("frozen", [True, False])
def test_observation_features_are_a_frozen_encoder_s_maps(make_sac, frozen):
    algorithm = make_sac(policy={"input_features": inputs(), "freeze_vision_encoder": frozen})
    now, then = algorithm.get_observation_features(seen(2), seen(2, seed=1))
    if not frozen:
        assert (now, then) == (None, None)
        return
    assert now.keys() == then.keys() == {map_key(FRONT), map_key(WRIST)}
    assert torch.equal(now[map_key(FRONT)], algorithm.policy.perceive(seen(2))[map_key(FRONT)])
    assert not torch.equal(now[map_key(FRONT)], then[map_key(FRONT)])


@pytest.mark.parametrize("frozen", [True, False])
def test_sac_learns_from_images(make_sac, make_batch, frozen):
    """Trained encoders move, and their targets lag; frozen ones do neither."""
    algorithm = make_sac(policy={"input_features": inputs(), "freeze_vision_encoder": frozen})
    batch = {**make_batch(8), "state": seen(8), "next_state": seen(8, seed=1)}
    vision = {name: p.clone() for name, p in algorithm.policy.named_parameters() if p.ndim == 4}
    stats = algorithm.update(iter([batch] * 2))
    assert stats.losses["loss_critic"] > 0
    assert algorithm.skipped_updates == 0
    after = dict(algorithm.policy.named_parameters())
    assert vision
    assert all(torch.equal(after[name], before) == frozen for name, before in vision.items())
    if not frozen:
        own, target = algorithm.policy.encoder, algorithm.target_encoder
        kernels = [
            (p, q)
            for p, q in zip(own.parameters(), target.parameters(), strict=True)
            if p.ndim == 4
        ]
        assert kernels
        assert not any(torch.equal(p, q) or p is q for p, q in kernels)


def test_numbers_are_read_at_every_scale_beside_themselves(make_policy):
    numbers = torch.tensor([[0.0, 0.01, -0.5, 3.0]])
    policy = make_policy(state_scales=[4.0, 16.0])
    scales, dense = policy.encoder.branches[0][:2]
    expected = torch.cat([numbers, (4 * numbers).tanh(), (16 * numbers).tanh()], dim=1)
    torch.testing.assert_close(scales(numbers), expected)
    assert dense.in_features == 12
    assert make_policy().encoder.branches[0][0].in_features == 4


def test_a_hidden_layer_of_numbers_reads_every_scale(make_policy):
    branch = make_policy(state_scales=[8.0], state_encoder_hidden_dim=5).encoder.branches[0]
    features = branch(torch.randn(3, 4))
    assert branch[1][0].in_features == 8
    assert features.shape[0] == 3


@pytest.mark.parametrize("scale", [0.0, -1.0, 1e9, float("nan")])
def test_a_scale_is_a_number_above_0(policy_config, scale):
    with pytest.raises(ValidationError, match="state_scales"):
        policy_config(state_scales=[scale])
