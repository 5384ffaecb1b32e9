"""The classifier itself: what it is fed, what it keeps, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sample_classifiers import FRONT, IMAGE, SIDE, image, lifting, small, write_lifts
from sample_datasets import STATE

from configs.classifier import LearningConfig
from configs.learning.algorithm import CONFIG_FILE
from hil_app.learning.manifest import MANIFEST
from hil_app.learning.networks.actor import MODEL_FILE
from hil_app.recording.dataset import Dataset
from hil_app.rewards.classifier import (
    ClassifierError,
    load_classifier,
    save_classifier,
    tensors,
)
from hil_app.rewards.examples import inputs_of, read_examples
from hil_app.rewards.training import augmented, probabilities


def test_a_run_and_a_training_see_the_same_numbers(tmp_path: Path) -> None:
    """Trap 28: from the recorded frame on, both get the same probability for the same image."""
    write_lifts(tmp_path)
    datasets = [Dataset(tmp_path)]
    observation = inputs_of(datasets, None, [STATE])
    assert list(observation) == [FRONT, STATE]
    examples = read_examples(datasets, observation)
    classifier = small(FRONT, STATE)
    trained_on = probabilities(classifier, examples, np.arange(len(examples.success)))
    frames = [frame for index in range(6) for frame in datasets[0].frames(index)]
    in_a_run = [classifier.success_probability(frame.next_observation) for frame in frames]
    np.testing.assert_allclose(trained_on, in_a_run, rtol=1e-5)
    assert np.ptp(in_a_run) > 1e-3  # it does look


def test_what_an_augmentation_of_nothing_leaves_is_what_a_run_sees(tmp_path: Path) -> None:
    """Images that were augmented are floats: they are scaled as uint8 ones are."""
    write_lifts(tmp_path)
    datasets = [Dataset(tmp_path)]
    examples = read_examples(datasets, inputs_of(datasets, None, []))
    nothing = LearningConfig(random_shift=0, brightness=0, contrast=0)
    generator = torch.Generator().manual_seed(0)
    seen = augmented(examples.inputs, examples, nothing, generator)
    assert (examples.inputs[FRONT].dtype, seen[FRONT].dtype) == (torch.uint8, torch.float32)
    classifier = small()
    torch.testing.assert_close(classifier(seen), classifier(examples.inputs), atol=1e-5, rtol=1e-5)


def test_numbers_are_scaled_within() -> None:
    wide = {STATE: {"min": [0.0, 0.0], "max": [100.0, 200.0]}}
    metres, other_unit = small(STATE), small(STATE, dataset_stats=wide)
    state = np.array([3.0, 4.0], np.float32)
    said = metres.success_probability({STATE: state})
    assert other_unit.success_probability({STATE: 10 * state}) == pytest.approx(said, rel=1e-5)
    assert other_unit.success_probability({STATE: state}) != pytest.approx(said, rel=1e-3)


def test_images_come_as_the_camera_gives_them() -> None:
    seen = tensors({FRONT: image(True)}, {FRONT: IMAGE})[FRONT]
    assert seen.shape == (3, SIDE, SIDE)
    assert seen[:, 6, 6].tolist() == [220, 20, 20]


def test_a_read_only_image_is_judged_without_a_warning() -> None:
    fixed = image(True)
    fixed.flags.writeable = False
    classifier = small()
    assert classifier.success_probability({FRONT: fixed}) == classifier.success_probability(
        {FRONT: image(True)}
    )


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        ({"observation.state": np.zeros(2, np.float32)}, "there is observation.state"),
        (
            {FRONT: np.zeros((16, SIDE, 3), np.uint8)},
            "uint8 (3, 32, 32), this is uint8 (3, 16, 32)",
        ),
        ({FRONT: np.zeros((SIDE, SIDE, 3), np.float32)}, "this is float32"),  # 0 to 1, perhaps
    ],
)
def test_what_it_was_not_made_for_is_refused(observation: dict[str, np.ndarray], said: str) -> None:
    with pytest.raises(ClassifierError) as error:
        small().success_probability(observation)
    assert said in str(error.value)


def test_it_comes_back_from_its_folder_with_its_threshold(tmp_path: Path) -> None:
    classifier = small(FRONT, STATE, threshold=0.625)
    save_classifier(classifier, tmp_path)
    again = load_classifier(tmp_path)
    assert again.config == classifier.config
    observation = lifting(0)[5].next_observation
    assert again.success_probability(observation) == classifier.success_probability(observation)
    assert not again.training
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG_FILE, MANIFEST, MODEL_FILE]


def test_a_pretrained_encoder_stays_as_it_was_and_comes_back(tmp_path: Path) -> None:
    source = {"encoder." + k: v for k, v in small().encoder.state_dict().items()}
    body = {
        name.removeprefix("encoder.branches.0.0.body."): value
        for name, value in source.items()
        if ".body." in name
    }
    save_file({name: value + 0.25 for name, value in body.items()}, tmp_path / "eyes.safetensors")
    frozen = {"vision_encoder_weights": str(tmp_path / "eyes.safetensors")}
    classifier = small(**frozen, freeze_vision_encoder=True)
    names = [name for name, weight in classifier.named_parameters() if weight.requires_grad]
    assert not any("body" in name for name in names)
    assert torch.equal(
        classifier.state_dict()["perceive.encoders.0.body.0.weight"], body["0.weight"] + 0.25
    )
    folder = tmp_path / "saved"
    folder.mkdir()
    save_classifier(classifier, folder)
    (tmp_path / "eyes.safetensors").unlink()
    again = load_classifier(folder)
    assert again.success_probability({FRONT: image(True)}) == classifier.success_probability(
        {FRONT: image(True)}
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other_network(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    content = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**content, "latent_dim": 16}))


def not_finite(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    content = load_file(folder / MODEL_FILE)
    save_file({name: value * np.nan for name, value in content.items()}, folder / MODEL_FILE)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / CONFIG_FILE).unlink(), "no success classifier at"),
        (lambda folder: (folder / MODEL_FILE).unlink(), "is damaged or of another kind"),
        (lambda folder: cut(folder / MODEL_FILE), "is damaged or of another kind"),
        (lambda folder: cut(folder / CONFIG_FILE), "is damaged or of another kind"),
        (other_network, "is damaged or of another kind"),
        (not_finite, "has numbers that are not finite"),
        (lambda f: (f / CONFIG_FILE).write_text('{"type": "reward_classifier"}'), "another kind"),
    ],
)
def test_what_is_not_whole_is_refused_in_a_line(tmp_path: Path, damage: object, said: str) -> None:
    save_classifier(small(), tmp_path)
    assert callable(damage)
    damage(tmp_path)
    with pytest.raises(ClassifierError) as error:
        load_classifier(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_building_one_leaves_torch_s_own_randomness_alone() -> None:
    before = torch.get_rng_state()
    small().warm_up()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_resnet_looks_at_images_too(tmp_path: Path) -> None:
    classifier = small(vision_encoder_name="resnet10").eval()
    save_classifier(classifier, tmp_path)
    said = classifier.success_probability({FRONT: image(True)})
    assert 0 < said < 1
    assert load_classifier(tmp_path).success_probability({FRONT: image(True)}) == said


def test_a_flipped_bit_is_noticed_and_a_classifier_without_checksums_loads(tmp_path: Path) -> None:
    save_classifier(small(), tmp_path)
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ClassifierError, match=r"model\.safetensors is not as it was written"):
        load_classifier(tmp_path)
    (tmp_path / MANIFEST).unlink()
    load_classifier(tmp_path)
