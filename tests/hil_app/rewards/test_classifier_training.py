"""Teaching a classifier: who learns from what, and that it does learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sample_classifiers import FRONT, IMAGE, image, write_lifts
from sample_datasets import STATE

from configs.classifier import LearningConfig
from hil_app.recording.dataset import Dataset
from hil_app.rewards import training
from hil_app.rewards.classifier import ClassifierConfig, ClassifierError
from hil_app.rewards.examples import Examples, inputs_of, read_examples
from hil_app.rewards.scores import Counts
from hil_app.rewards.training import (
    Split,
    augmented,
    balanced,
    folds,
    learn,
    probabilities,
    shifted,
    split,
    train,
    trainings,
)

QUICK = LearningConfig(steps=50, batch_size=32, held_out=0.34)
SIZES = {"latent_dim": 16, "image_encoder_hidden_dim": 8}
FIRSTS = (5, 4, None, 6, 5, 4, None, 3, 6)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    root = tmp_path_factory.mktemp("lifts")
    write_lifts(root, FIRSTS)
    datasets = [Dataset(root)]
    return read_examples(datasets, inputs_of(datasets, None, []))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_whole_episodes_are_held_out_and_both_kinds_alike() -> None:
    successful = np.arange(30) % 3 > 0  # 20 of 30
    parts = split(successful, 0.3, seed=1)
    assert sorted([*parts.learn, *parts.test]) == list(range(30))
    assert successful[list(parts.test)].sum() == 6
    assert (~successful[list(parts.test)]).sum() == 3
    assert split(successful, 0.3, seed=1) == parts
    assert split(successful, 0.3, seed=2) != parts


@pytest.mark.parametrize("held_out", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("others", [0, 1, 5])
def test_each_part_has_a_success_however_few_there_are(held_out: float, others: int) -> None:
    successful = np.array([True] * 3 + [False] * others)
    parts = split(successful, held_out, seed=0)
    assert successful[list(parts.test)].sum() == 1
    assert [successful[fold].sum() for fold in folds(parts.learn, successful, 0)] == [1, 1]


def test_too_few_successes_are_refused() -> None:
    with pytest.raises(ClassifierError, match="success in 2 of 9 episodes: at least 3"):
        split(np.arange(9) < 2, 0.2, seed=0)


def test_folds_share_out_every_episode_once() -> None:
    successful = np.arange(20) < 8
    parts = folds(range(20), successful, seed=0)
    assert sorted(episode for fold in parts for episode in fold) == list(range(20))
    assert sorted(int(successful[fold].sum()) for fold in parts) == [2, 3, 3]
    assert {len(fold) for fold in parts} <= {6, 7}


def test_half_of_a_batch_are_successes_however_rare_they_are() -> None:
    success = np.zeros(1000, bool)
    success[[7, 500]] = True
    rows = np.arange(400, 1000)
    drawn = balanced(success, rows, 65, generator()).numpy()
    assert (len(drawn), success[drawn].sum()) == (65, 32)
    assert set(drawn[success[drawn]]) == {500}  # 7 is none of the rows
    assert drawn.min() >= 400
    assert len(set(drawn[~success[drawn]])) > 25


def test_a_shift_moves_an_image_as_a_whole_and_repeats_its_edge() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).expand(200, 3, 16, 32) * 8
    moved = shifted(ramp, 0.125, generator())
    assert moved.shape == ramp.shape
    right = moved[:, 0, 0, 16] / 8 - 16
    assert set(right.tolist()) == set(range(-4, 5))  # an eighth of 32
    assert torch.equal(moved[right == 4][0][0, 0, -5:], torch.full((5,), 31 * 8.0))
    down = shifted(ramp.mT.contiguous(), 0.125, generator())[:, 0, 16, 0] / 8 - 16
    assert set(down.tolist()) == set(range(-4, 5))


def test_light_and_contrast_change_images_only_and_stay_in_range(examples: Examples) -> None:
    how = LearningConfig(random_shift=0, brightness=0.3, contrast=0.5)
    batch = {FRONT: examples.inputs[FRONT][:1].expand(200, 3, 32, 32), STATE: torch.ones(200, 2)}
    both = Examples({}, *(np.zeros(0),) * 3, [], {FRONT: IMAGE, STATE: inputs_state()})
    seen = augmented(batch, both, how, generator())
    assert seen[STATE] is batch[STATE]
    assert (float(seen[FRONT].min()), float(seen[FRONT].max())) >= (0.0, 0.0)
    assert float(seen[FRONT].max()) <= 1
    plain = batch[FRONT][0].float() / 255
    lighter = (seen[FRONT].mean((1, 2, 3)) - plain.mean()).abs()
    assert 0.2 < float(lighter.max()) <= 0.31
    spread = seen[FRONT].std((1, 2, 3)) / plain.std()
    assert float(spread.min()) < 0.6
    assert float(spread.max()) > 1.3


def inputs_state() -> object:
    from sample_classifiers import NUMBERS

    return NUMBERS


def test_nothing_is_augmented_when_a_classifier_judges(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = learn(config(), examples, range(9), LearningConfig(steps=2))
    monkeypatch.delattr(training, "augmented")
    one, two = (probabilities(classifier, examples, np.arange(20)) for _ in range(2))
    assert np.array_equal(one, two)


def config() -> ClassifierConfig:
    return ClassifierConfig(input_features={FRONT: IMAGE}, **SIZES)


def test_it_learns_what_can_be_seen(examples: Examples) -> None:
    parts = split(examples.successful(), QUICK.held_out, seed=0)
    classifier = train(config(), examples, parts, QUICK)
    rows = examples.of(parts.test)
    probability = probabilities(classifier, examples, rows)
    counts = Counts.of(probability >= classifier.config.threshold, examples.success[rows])
    assert (counts.accuracy, counts.total) == (1.0, 8 * len(parts.test))
    assert 0.2 < classifier.config.threshold < 0.8
    fresh = [
        classifier.success_probability({FRONT: image(good, where=9)}) for good in (False, True)
    ]
    assert fresh[0] < classifier.config.threshold < fresh[1]


def test_held_out_episodes_are_neither_learned_from_nor_used_for_the_threshold(
    examples: Examples,
) -> None:
    """Their images and their labels may be anything."""
    parts = Split(learn=range(6), test=[6, 7, 8])
    rows = examples.of(parts.test)
    spoilt = Examples(
        {key: x.clone() for key, x in examples.inputs.items()},
        examples.success.copy(),
        examples.episode,
        examples.tick,
        examples.names,
        examples.features,
    )
    spoilt.inputs[FRONT][rows] = 0
    spoilt.success[rows] = ~spoilt.success[rows]
    how = LearningConfig(steps=3)
    one, two = (train(config(), each, parts, how) for each in (examples, spoilt))
    assert one.config == two.config
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_the_threshold_comes_from_frames_that_were_not_learned_from(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, evaluated = [], []

    def watched_learn(config, examples, episodes, *rest):
        learned.append(set(episodes))
        return learn(config, examples, episodes, *rest)

    def watched_probabilities(classifier, examples, rows):
        evaluated.append(set(examples.episode[rows].tolist()))
        return probabilities(classifier, examples, rows)

    monkeypatch.setattr(training, "learn", watched_learn)
    monkeypatch.setattr(training, "probabilities", watched_probabilities)
    parts = Split(learn=range(7), test=[7, 8])
    train(config(), examples, parts, LearningConfig(steps=1))
    assert [one & two for one, two in zip(learned, evaluated, strict=False)] == [set()] * 3
    assert set.union(*evaluated) == set(range(7))
    assert learned[-1] == set(range(7))
    assert len(learned) == trainings(examples, parts) == 4


def test_ranges_of_numbers_are_those_of_the_episodes_to_learn_from(tmp_path: Path) -> None:
    write_lifts(tmp_path, [5, 4, 6, 5])
    datasets = [Dataset(tmp_path)]
    seen = read_examples(datasets, inputs_of(datasets, [], [STATE]))
    classifier = learn(
        ClassifierConfig(input_features=seen.features), seen, [0, 1], LearningConfig(steps=1)
    )
    found = classifier.config.dataset_stats[STATE]
    assert found["min"] == pytest.approx([0.001, 1.1])
    assert found["max"] == pytest.approx([1.008, 8.1])


def test_a_seed_gives_the_same_classifier(examples: Examples) -> None:
    def weights(seed: int) -> torch.Tensor:
        made = learn(config(), examples, range(9), LearningConfig(steps=3, seed=seed))
        return torch.cat([weight.flatten() for weight in made.parameters()])

    before = torch.get_rng_state()
    one, again, other = weights(0), weights(0), weights(1)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_setting_changes_what_is_learned(examples: Examples) -> None:
    changes = {
        "steps": 4,
        "batch_size": 16,
        "learning_rate": 1e-2,
        "random_shift": 0.0,
        "brightness": 0.5,
        "contrast": 0.5,
        "seed": 5,
    }
    assert {*changes, "held_out"} == set(LearningConfig.model_fields)  # held_out is above

    def weights(**change: float) -> list[float]:
        how = LearningConfig(**{"steps": 3, **change})
        made = learn(config(), examples, range(9), how)
        return torch.cat([weight.flatten() for weight in made.parameters()]).tolist()

    usual = weights()
    for name, value in changes.items():
        assert weights(**{name: value}) != usual, name


def test_it_tells_the_loss_of_every_step(examples: Examples) -> None:
    heard: list[float] = []
    learn(config(), examples, range(9), LearningConfig(steps=30), heard.append)
    assert len(heard) == 30
    assert np.mean(heard[-5:]) < 0.8 * np.mean(heard[:5])


def test_episodes_that_are_all_success_are_refused(tmp_path: Path) -> None:
    write_lifts(tmp_path, [1, 1, 1, None])
    datasets = [Dataset(tmp_path)]
    seen = read_examples(datasets, inputs_of(datasets, None, []))
    with pytest.raises(ClassifierError, match="record what comes before it"):
        learn(config(), seen, [0, 1], QUICK)
