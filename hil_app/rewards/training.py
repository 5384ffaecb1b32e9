"""Teaching a success classifier.

Whole episodes are held out to evaluate the result. A batch is half successes and half others,
however rare successes are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from configs.classifier import LearningConfig
from configs.learning.policy import FeatureType
from hil_app.rewards.classifier import ClassifierConfig, ClassifierError, SuccessClassifier
from hil_app.rewards.examples import Bools, Examples, Ints
from hil_app.rewards.scores import F64, choose_threshold
from hil_app.support.caches import for_torch

FOLDS = 3  # of the episodes to learn from, to choose the threshold on what was not learned from
LOOKED_AT = 256  # frames at a time, when nothing is learned


@dataclass(frozen=True)
class Split:
    """Which episodes to learn from, and which to evaluate the result with."""

    learn: Sequence[int]
    test: Sequence[int]


def split(successful: Bools, held_out: float, seed: int) -> Split:
    """Share out whole episodes; those with and those without success are shared out alike.

    Raises ClassifierError if there are too few with success for what is to be done with them.
    """
    if successful.sum() < 3:
        raise ClassifierError(
            f"success in {successful.sum()} of {len(successful)} episodes: at least 3 must have "
            "it, two to learn from in turn and one to evaluate the result with"
        )
    learn: list[int] = []
    test: list[int] = []
    random = np.random.default_rng(seed)
    for same, least in ((successful, 1), (~successful, 0)):
        order = random.permutation(np.flatnonzero(same)).tolist()
        count = min(max(round(held_out * len(order)), least), len(order) - 2 * least)
        test += order[:count]
        learn += order[count:]
    return Split(sorted(learn), sorted(test))


def folds(episodes: Sequence[int], successful: Bools, seed: int) -> list[list[int]]:
    """The episodes in FOLDS parts (or 2 if so few succeed), each with its share of successes."""
    own = np.array(episodes)
    count = min(FOLDS, int(successful[own].sum()))
    random = np.random.default_rng(seed)
    order = np.concatenate([random.permutation(own[successful[own] == so]) for so in (True, False)])
    return [sorted(order[first::count].tolist()) for first in range(count)]


def train(
    config: ClassifierConfig,
    examples: Examples,
    parts: Split,
    how: LearningConfig,
    tell: Callable[[float], None] = lambda _loss: None,
) -> SuccessClassifier:
    """A classifier of all the episodes to learn from, with its threshold chosen by them, too.

    The threshold is that of frames by classifiers that have not learned from them: every fold of
    the episodes is classified by what was learned from the others. ``tell`` hears the loss after
    each of ``trainings`` times ``how.steps`` steps. Raises VisionError if the vision encoder's
    weights are not to be had.
    """
    found = np.zeros(len(examples.success))
    for fold in folds(parts.learn, examples.successful(), how.seed):
        others = [episode for episode in parts.learn if episode not in fold]
        classifier, rows = learn(config, examples, others, how, tell), examples.of(fold)
        found[rows] = probabilities(classifier, examples, rows)
    rows = examples.of(parts.learn)
    threshold = choose_threshold(found[rows], examples.success[rows])
    chosen = config.model_copy(update={"threshold": threshold})
    return learn(chosen, examples, parts.learn, how, tell)


def trainings(examples: Examples, parts: Split) -> int:
    """How many classifiers :func:`train` trains."""
    return len(folds(parts.learn, examples.successful(), 0)) + 1


def learn(
    config: ClassifierConfig,
    examples: Examples,
    episodes: Sequence[int],
    how: LearningConfig,
    tell: Callable[[float], None] = lambda _loss: None,
) -> SuccessClassifier:
    """A classifier that has learned from these episodes; see :func:`train`."""
    rows = examples.of(episodes)
    if examples.success[rows].all():
        raise ClassifierError(
            "every frame of the episodes to learn from shows success: record what comes before it"
        )
    classifier = SuccessClassifier(_ranged(config, examples, rows), how.seed)
    trained = [weight for weight in classifier.parameters() if weight.requires_grad]
    for_torch()
    optimizer = torch.optim.Adam(trained, how.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, how.steps)
    draw = torch.Generator().manual_seed(how.seed)
    classifier.train()
    for _ in range(how.steps):
        batch = balanced(examples.success, rows, how.batch_size, draw)
        inputs = augmented({k: x[batch] for k, x in examples.inputs.items()}, examples, how, draw)
        labels = torch.from_numpy(examples.success[batch.numpy()]).float()
        loss = F.binary_cross_entropy_with_logits(classifier(inputs), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types for it
        optimizer.step()
        schedule.step()
        tell(float(loss.detach()))
    return classifier.eval()


@torch.inference_mode()
def probabilities(classifier: nn.Module, examples: Examples, rows: Ints) -> F64:
    """The probability (len(rows),) of success in each, as a run would see it."""
    found = [
        classifier({key: x[some] for key, x in examples.inputs.items()}).sigmoid()
        for some in torch.split(torch.from_numpy(rows), LOOKED_AT)
    ]
    together: F64 = torch.cat(found).double().numpy()
    return together


def balanced(success: Bools, rows: Ints, size: int, generator: torch.Generator) -> Tensor:
    """``size`` of the ``rows``, drawn with replacement: half of them successes."""
    halves = rows[success[rows]], rows[~success[rows]]
    sizes = size // 2, size - size // 2
    drawn = [
        torch.from_numpy(half)[torch.randint(len(half), (count,), generator=generator)]
        for half, count in zip(halves, sizes, strict=True)
    ]
    return torch.cat(drawn)


def augmented(
    batch: dict[str, Tensor], examples: Examples, how: LearningConfig, generator: torch.Generator
) -> dict[str, Tensor]:
    """The batch with its images moved, lit and contrasted at random; numbers stay.

    Images (B, C, H, W) of uint8 become floats in [0, 1], which the classifier takes, too.
    """
    return {
        key: _lit(shifted(x, how.random_shift, generator), how, generator)
        if examples.features[key].type == FeatureType.VISUAL
        else x
        for key, x in batch.items()
    }


def shifted(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Each of (B, C, H, W) moved by up to a ``share`` of its sides, as floats [0, 255].

    What that uncovers repeats the edge.
    """
    height, width = images.shape[-2:]
    down, right = round(share * height), round(share * width)
    wide = F.pad(images.float(), (right, right, down, down), mode="replicate")
    ys, xs = (
        torch.randint(2 * most + 1, (len(images),), generator=generator).tolist()
        for most in (down, right)
    )
    cut = [w[:, y : y + height, x : x + width] for w, y, x in zip(wide, ys, xs, strict=True)]
    return torch.stack(cut)


def _lit(images: Tensor, how: LearningConfig, generator: torch.Generator) -> Tensor:
    """Images (B, C, H, W) in [0, 255] -> floats in [0, 1], lit and contrasted at random."""
    light, contrast = torch.rand(2, len(images), 1, 1, 1, generator=generator) * 2 - 1
    scaled = images / 255
    middle = scaled.mean((1, 2, 3), keepdim=True)
    changed = (scaled - middle) * (1 + how.contrast * contrast) + middle + how.brightness * light
    return torch.clamp(changed, 0, 1)


def _ranged(config: ClassifierConfig, examples: Examples, rows: Ints) -> ClassifierConfig:
    """``config`` with the ranges of the numbers to learn from."""
    ranges = {
        key: {
            "min": examples.inputs[key][rows].amin(0).tolist(),
            "max": examples.inputs[key][rows].amax(0).tolist(),
        }
        for key, feature in examples.features.items()
        if feature.type != FeatureType.VISUAL
    }
    return config.model_copy(update={"dataset_stats": ranges})
