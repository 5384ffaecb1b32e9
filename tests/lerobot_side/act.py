"""Runs in lerobot's environment: trains its ACT for some steps on a dataset, and has it act.

    act.py ROOT OUT STEPS

OUT becomes a JSON file: ``inputs`` and ``outputs`` of the policy by key with their shapes, the
``losses`` and an ``action`` for the first frame.

This is the one script here that needs torchvision itself, for ACT's ResNet. Its compiled operations
do not load beside another build of torch; ACT uses none, and those that are asked for on importing
it are declared here, without being there. Videos are read as in ``shims/torchvision``.
"""

import importlib.util
import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import torch

_OPERATIONS = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    _OPERATIONS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402

_READER = Path(__file__).parent / "shims/torchvision/io.py"
_SPEC = importlib.util.spec_from_file_location("video_reader", _READER)
_VIDEOS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_VIDEOS)
torchvision.io.VideoReader = _VIDEOS.VideoReader
torchvision.set_video_backend = str  # whatever it is asked for, it is PyAV

from lerobot.configs.types import FeatureType  # noqa: E402
from lerobot.datasets.lerobot_dataset import LeRobotDataset, LeRobotDatasetMetadata  # noqa: E402
from lerobot.datasets.utils import dataset_to_policy_features  # noqa: E402
from lerobot.policies.act.configuration_act import ACTConfig  # noqa: E402
from lerobot.policies.act.modeling_act import ACTPolicy  # noqa: E402
from lerobot.policies.act.processor_act import make_act_pre_post_processors  # noqa: E402

CHUNK = 4  # actions that it plans at once
SMALL: dict[str, Any] = {
    "chunk_size": CHUNK,
    "n_action_steps": CHUNK,
    "dim_model": 32,
    "n_heads": 2,
    "dim_feedforward": 64,
    "n_encoder_layers": 1,
    "n_vae_encoder_layers": 1,
    "pretrained_backbone_weights": None,  # they would be downloaded
    "device": "cpu",
}


def main(root: Path, out: Path, steps: int) -> None:
    torch.manual_seed(0)
    meta = LeRobotDatasetMetadata("local/dataset", root=root)
    features = dataset_to_policy_features(meta.features)
    outputs = {key: f for key, f in features.items() if f.type is FeatureType.ACTION}
    inputs = {key: f for key, f in features.items() if key not in outputs}
    config = ACTConfig(input_features=inputs, output_features=outputs, **SMALL)
    policy = ACTPolicy(config)
    before, after = make_act_pre_post_processors(config, dataset_stats=meta.stats)
    ahead = {"action": [step / meta.fps for step in range(CHUNK)]}
    dataset = LeRobotDataset(
        "local/dataset", root=root, video_backend="pyav", delta_timestamps=ahead
    )
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True)
    optimizer = torch.optim.AdamW(policy.get_optim_params(), lr=1e-3)
    losses = []
    while len(losses) < steps:
        for batch in islice(loader, steps - len(losses)):
            loss, _ = policy.forward(before(batch))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    policy.eval()
    seen = {key: value for key, value in dataset[0].items() if key in inputs}
    action = after(policy.select_action(before(seen)))
    found = {
        "inputs": {key: list(feature.shape) for key, feature in inputs.items()},
        "outputs": {key: list(feature.shape) for key, feature in outputs.items()},
        "losses": losses,
        "action": action[0].tolist(),
    }
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
