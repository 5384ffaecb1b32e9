"""The success classifier: what the policy sees -> the probability that the task is done.

Training and running share all that happens to an observation: :func:`tensors` lays it out, and the
network itself scales images and numbers, so that no caller can feed it differently.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from configs.base import Config
from configs.errors import HilAppError
from configs.learning.algorithm import CONFIG_FILE
from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from configs.text.reading import read_json, shown
from hil_app.learning import manifest
from hil_app.learning.checkpoint import DAMAGE
from hil_app.learning.networks.actor import MODEL_FILE
from hil_app.learning.networks.encoders import Encoder, Perception
from hil_app.learning.networks.mlp import MLP, Dense
from hil_app.learning.networks.normalize import Normalizer
from hil_app.learning.networks.weights import check_finite
from processors.base import Observation

_FILES = (CONFIG_FILE, MODEL_FILE)


class ClassifierError(HilAppError):
    """A classifier cannot be trained, read or used; the message says why and what to do."""


class ClassifierConfig(Config):
    """What a classifier looks at, the size of its networks, and where its training drew the line.

    The names of the networks' settings are those of the policy.
    """

    input_features: dict[str, PolicyFeature] = Field(min_length=1)
    """What it looks at by key: VISUAL features of shape (C, H, W), STATE and ENV ones (n,)."""
    dataset_stats: dict[str, dict[str, list[float]]] = {}  # noqa: RUF012 - pydantic copies it
    """Per feature of numbers {"min": [...], "max": [...]}, mapped to [-1, 1]."""
    vision_encoder_name: Literal["cnn", "resnet10"] = "cnn"
    """What looks at the images."""
    vision_encoder_weights: str | None = None
    """Where its weights came from; null drew them at random."""
    freeze_vision_encoder: bool = False
    """Whether they were kept as they are."""
    latent_dim: int = Field(64, ge=1)
    """Width of each encoded feature, and of the layer above them."""
    image_encoder_hidden_dim: int = Field(32, ge=1)
    """Channels of the cnn."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """The probability of success from which on a frame counts as positive."""

    def network(self) -> GaussianActorConfig:
        """The same in the words of the policy's encoders."""
        return GaussianActorConfig(**self.model_dump(exclude={"threshold"}))


def tensors(features: Observation, inputs: Mapping[str, PolicyFeature]) -> dict[str, Tensor]:
    """The ``inputs`` among one observation's features: images (H, W, C) become (C, H, W).

    Raises ClassifierError if one is not there, or has another shape or kind than it must.
    """
    return {key: _tensor(features, key, feature) for key, feature in inputs.items()}


def _tensor(features: Observation, key: str, wanted: PolicyFeature) -> Tensor:
    if key not in features:
        known = ", ".join(sorted(features)) or "nothing"
        raise ClassifierError(f"the success classifier looks at {key}; there is {known}")
    values: NDArray[Any] = features[key]
    image = wanted.type == FeatureType.VISUAL
    shape = (*values.shape[2:], *values.shape[:2]) if image else values.shape
    kind = np.dtype(np.uint8 if image else np.float32)
    if shape != wanted.shape or values.dtype != kind:
        raise ClassifierError(
            f"{key}: the success classifier looks at {kind} {wanted.shape}, this is {values.dtype} "
            f"{shape}"
        )
    tensor = torch.from_numpy(np.require(values, requirements="W"))  # copies what is read-only
    return tensor.permute(2, 0, 1) if image else tensor


class SuccessClassifier(nn.Module):
    """Observations, as :func:`tensors` lays them out, to logits of success.

    ``seed`` fixes the initial weights. Raises VisionError if the vision encoder's weights are not
    to be had.
    """

    def __init__(self, config: ClassifierConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        generator, network = torch.Generator().manual_seed(seed), config.network()
        self._normalizer = Normalizer(network)
        self.perceive = Perception(network)
        self.encoder = Encoder(network, self.perceive, generator)
        width = config.latent_dim
        trunk = MLP(self.encoder.output_dim, [width], activate_final=True, generator=generator)
        self.head = nn.Sequential(trunk, Dense(width, 1, generator))

    def forward(self, observation: Mapping[str, Tensor]) -> Tensor:
        """Logits (B,) of a batch, or () of one observation."""
        perceived = self.perceive(self._normalizer.observation(observation))
        logits: Tensor = self.head(self.encoder(perceived)).squeeze(-1)
        return logits

    @torch.inference_mode()
    def success_probability(self, features: Observation) -> float:
        """The probability of success in what the policy sees."""
        return float(self(tensors(features, self.config.input_features)).sigmoid())

    def warm_up(self) -> None:
        """Classify zeros, so that the first tick takes no longer than the others."""
        for _ in range(3):
            self.success_probability(
                {key: _blank(feature) for key, feature in self.config.input_features.items()}
            )


def _blank(feature: PolicyFeature) -> NDArray[Any]:
    if feature.type == FeatureType.VISUAL:
        return np.zeros((*feature.shape[1:], feature.shape[0]), np.uint8)
    return np.zeros(feature.shape, np.float32)


def save_classifier(classifier: SuccessClassifier, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and their checksums into ``folder``, which is
    there. OSError if the disk refuses.
    """
    (folder / CONFIG_FILE).write_text(classifier.config.model_dump_json(indent=2) + "\n")
    try:
        save_model(classifier, str(folder / MODEL_FILE))
    except SafetensorError as error:  # it has no number of its own
        number = next(iter(re.findall(r"code: (\d+)", str(error))), str(errno.EIO))
        raise OSError(int(number), os.strerror(int(number)), str(folder / MODEL_FILE)) from error
    manifest.write(folder, _FILES)


def bytes_of(config: ClassifierConfig) -> int:
    """How large the weights of such a classifier are as a file."""
    own = config.model_copy(update={"vision_encoder_weights": None})
    tensors = SuccessClassifier(own).state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def load_classifier(folder: Path) -> SuccessClassifier:
    """The classifier that :func:`save_classifier` wrote, ready for use.

    Raises ClassifierError if it is not there, or is damaged.
    """
    if not (folder / CONFIG_FILE).is_file():
        raise ClassifierError(
            f"no success classifier at {folder}: it has no {CONFIG_FILE}; `hil-app "
            "train-classifier` makes one"
        )
    try:
        if (folder / manifest.MANIFEST).exists():  # older ones have none
            manifest.check(folder, _FILES, manifest.read(folder))
        config = ClassifierConfig.model_validate(read_json(folder / CONFIG_FILE))
        # the saved weights hold the vision encoder's own, so their first source need not be there
        own = config.model_copy(update={"vision_encoder_weights": None})
        classifier = SuccessClassifier(own)
        load_model(classifier, str(folder / MODEL_FILE))
        check_finite(classifier.state_dict(), MODEL_FILE)
        classifier.config = config
    except DAMAGE as error:
        cause = shown(error, 300)
        raise ClassifierError(
            f"the success classifier {folder} is damaged or of another kind ({cause}): train it "
            "again with `hil-app train-classifier`"
        ) from error
    return classifier.eval()
