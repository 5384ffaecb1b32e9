"""Vision encoders: images to feature maps. No code is ever fetched, only safetensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from configs.errors import HilAppError
from configs.learning.policy import GaussianActorConfig
from hil_app.learning.networks.weights import read_tensors
from hil_app.support.caches import for_hub
from hil_app.support.extras import how_to_install

MAP_SIZE = 8  # the cnn halves an image until its shorter side is at most this [px]
LEAST_MAP = 4  # and at least this, as far as the image has it
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
CENTRED = {"mean": [0.5], "std": [0.5]}
GROUPS = 4  # of channels that a ResNet-10 normalises together
HUB_FILE = "model.safetensors"
_HUB_FORM = "owner/name@commit, of 40 hexadecimal digits"
_ON_HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<commit>[0-9a-f]{40}))?")


class VisionError(HilAppError):
    """The weights of a vision encoder cannot be had; the message says why and what to do."""


class ImageScaler(nn.Module):
    """Images (..., C, H, W) of uint8, or of floats in [0, 1], -> centred, of unit spread."""

    mean: Tensor
    std: Tensor

    def __init__(self, stats: Mapping[str, list[float]]) -> None:
        super().__init__()
        for name in ("mean", "std"):
            values = torch.tensor(stats[name]).reshape(-1, 1, 1)  # (C or 1, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """A new tensor of the same shape."""
        full = 255 if images.dtype == torch.uint8 else 1
        scaled = images.to(torch.float32, copy=True)
        return scaled.mul_(1 / (full * self.std)).sub_(self.mean / self.std)


class Squint(nn.Module):
    """Images (..., C, H, W), of uint8 or floats -> smaller ones (..., C, h, w): means over areas.

    So fine patterns fade instead of turning into coarse ones. Images that are small already, as
    those of a replay buffer are, stay as they are.
    """

    down: Tensor
    across: Tensor

    def __init__(self, large: tuple[int, int], small: tuple[int, int]) -> None:
        super().__init__()
        self.small = small
        self.register_buffer("down", _areas(large[0], small[0]), persistent=False)
        self.register_buffer("across", _areas(large[1], small[1]).T, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """A new tensor, or the same one."""
        if images.shape[-2:] == self.small:
            return images
        *some, channels, _, width = images.shape
        rows = images.movedim(-3, -1).flatten(-2).to(self.down)  # (..., H, W * C), as it lies
        lower = (self.down @ rows).view(*some, self.small[0], width, channels)
        means: Tensor = (lower.transpose(-1, -2) @ self.across).transpose(-2, -3)
        return means.round_().to(images.dtype) if images.dtype == torch.uint8 else means


def _areas(before: int, after: int) -> Tensor:
    """How much (after, before) each pixel of a side counts in those of a shorter one."""
    edges = torch.linspace(0, before, after + 1, dtype=torch.float64)
    pixels = torch.arange(before, dtype=torch.float64)
    begin = torch.maximum(edges[:-1, None], pixels)
    end = torch.minimum(edges[1:, None], pixels + 1)
    return ((end - begin).clamp_(min=0) * (after / before)).float()


class VisionEncoder(nn.Module):
    """Scaled images (..., C, H, W) -> feature maps (..., D, h, w), whose shape is `map_shape`."""

    map_shape: tuple[int, int, int]

    def __init__(self, body: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.body = body
        with torch.no_grad():
            self.map_shape = tuple(self(torch.zeros(shape)).shape)

    def forward(self, images: Tensor) -> Tensor:
        """Look at one image, or at a batch of them."""
        if images.ndim == 4:
            maps: Tensor = self.body(images)
            return maps
        one: Tensor = self.body(images.unsqueeze(0)).squeeze(0)
        return one


def make_scaler(config: GaussianActorConfig, key: str) -> ImageScaler:
    """The scaling of the images at `key`: by their statistics, or as their encoder expects."""
    usual = IMAGENET if config.vision_encoder_name == "resnet10" else CENTRED
    return ImageScaler((config.dataset_stats or {}).get(key) or usual)


def make_squint(config: GaussianActorConfig, key: str) -> Squint:
    """From the images at `key` to what the config has the networks see of them."""
    large, small = config.input_features[key].shape, config.seen_shapes[key]
    return Squint((large[1], large[2]), (small[1], small[2]))


def make_vision_encoder(
    config: GaussianActorConfig, key: str, generator: torch.Generator
) -> VisionEncoder:
    """The encoder that the config names for the images at `key`, with its weights.

    Raises:
        VisionError: the weights cannot be read, or are of another network.
    """
    shape = config.seen_shapes[key]
    if config.vision_encoder_name == "resnet10":
        body = resnet10(shape[0], generator)
    else:
        body = cnn(shape, config.image_encoder_hidden_dim, generator)
    if config.vision_encoder_weights is not None:
        load_weights(body, config.vision_encoder_weights)
    return VisionEncoder(body, shape)


def cnn(shape: tuple[int, ...], channels: int, generator: torch.Generator) -> nn.Sequential:
    """A few convolutions down to a map whose shorter side is MAP_SIZE or less.

    The first one goes by 4 pixels, and by fewer where the map would get smaller than LEAST_MAP.
    """
    side = min(shape[1:])
    stride = next((step for step in (4, 2) if side >= step * LEAST_MAP), 1)
    layers: list[nn.Module] = [Convolution(shape[0], channels, 5, stride, generator), nn.ReLU()]
    side = -(-side // stride)
    while side > MAP_SIZE:
        layers += [Convolution(channels, channels, 3, 2, generator), nn.ReLU()]
        side = -(-side // 2)
    return nn.Sequential(*layers, Convolution(channels, channels, 3, 1, generator), nn.ReLU())


def resnet10(inputs: int, generator: torch.Generator) -> nn.Sequential:
    """ResNet-10 (He et al. 2016) with group norm, as HIL-SERL uses it: 512 maps of H/32, W/32."""
    stem = [
        Convolution(inputs, 64, 7, 2, generator, bias=False),
        nn.GroupNorm(GROUPS, 64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    widths = [64, 64, 128, 256, 512]
    stages = [
        ResidualBlock(before, after, 1 if before == after else 2, generator)
        for before, after in pairwise(widths)
    ]
    return nn.Sequential(*stem, *stages)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, generator: torch.Generator) -> None:
        super().__init__()
        self.conv1 = Convolution(inputs, outputs, 3, stride, generator, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = Convolution(outputs, outputs, 3, 1, generator, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(
                Convolution(inputs, outputs, 1, stride, generator, bias=False),
                nn.GroupNorm(GROUPS, outputs),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Convolution(nn.Conv2d):
    """A padded convolution drawn as He et al. 2015 do, from an explicit generator."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int,
        stride: int,
        generator: torch.Generator,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, size, stride, padding=size // 2, bias=bias)
        with torch.no_grad():
            self.weight.normal_(0, (2 / (inputs * size * size)) ** 0.5, generator=generator)
            if self.bias is not None:
                self.bias.zero_()

    def reset_parameters(self) -> None:
        """Do nothing: the constructor draws from its own generator."""


def load_weights(body: nn.Module, source: str) -> None:
    """Copy a file's, or a hub repository's, tensors into `body`; all of them or none.

    Raises:
        VisionError: there is no such file, or its tensors are not this network's.
    """
    path = Path(source) if Path(source).is_file() else _fetched(source)
    try:
        body.load_state_dict(read_tensors(path))
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        cause = " ".join(str(error).split())[:300]
        names = ", ".join(list(body.state_dict())[:4])
        raise VisionError(
            f"policy.vision_encoder_weights: {source} does not fit this encoder, whose tensors are "
            f"{names}, …: {cause}"
        ) from error


def _fetched(source: str) -> Path:
    """The weights of a commit on the hub: what else is there, or comes later, is not asked for."""
    found = _ON_HUB.fullmatch(source)
    if found is None or source.endswith(".safetensors"):
        raise VisionError(
            f"policy.vision_encoder_weights: no file {source}; name a safetensors file or a "
            f"repository on the hub ({_HUB_FORM})"
        )
    repository, commit = found["repository"], found["commit"]
    if commit is None:
        raise VisionError(
            f"policy.vision_encoder_weights: which weights {repository} has may change: name the "
            f"commit ({_HUB_FORM}), which https://huggingface.co/{repository}/commits/main shows"
        )
    for_hub()
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise VisionError(
            f"policy.vision_encoder_weights: {repository} is on the hub, which needs another "
            f"package: run {how_to_install('hub')}"
        ) from error
    try:
        return Path(hf_hub_download(repository, HUB_FILE, revision=commit))
    except Exception as error:  # the hub's own errors are many, and all mean the same here
        cause = " ".join(str(error).split())[:300]
        raise VisionError(
            f"policy.vision_encoder_weights: cannot get {HUB_FILE} of {repository}: {cause}"
        ) from error
