"""Runs in lerobot's environment: has its SACPolicy act as an exported folder says.

    sac.py FOLDER OBSERVATIONS OUT

OBSERVATIONS is an npz file with the observations (n, ...) by key; OUT becomes a JSON file: the
``actions`` (n, c [+ 1]), each by the preprocessor, the policy and the postprocessor that lie in
FOLDER, and the names of the weights that are ``unknown`` to it.

The processors are read as lerobot's ``make_pre_post_processors`` does, which needs gymnasium.
Torchvision itself is needed, as for ``act.py``, whose compiled operations are never used.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

_OPERATIONS = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    _OPERATIONS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from lerobot.policies.sac.modeling_sac import SACPolicy  # noqa: E402
from lerobot.processor import PolicyProcessorPipeline  # noqa: E402
from lerobot.processor.converters import (  # noqa: E402
    batch_to_transition,
    policy_action_to_transition,
    transition_to_batch,
    transition_to_policy_action,
)
from safetensors.torch import load_file  # noqa: E402


def main(folder: Path, observations: Path, out: Path) -> None:
    torch.manual_seed(0)
    policy = SACPolicy.from_pretrained(folder)
    before = PolicyProcessorPipeline.from_pretrained(
        folder,
        config_filename="policy_preprocessor.json",
        to_transition=batch_to_transition,
        to_output=transition_to_batch,
    )
    after = PolicyProcessorPipeline.from_pretrained(
        folder,
        config_filename="policy_postprocessor.json",
        to_transition=policy_action_to_transition,
        to_output=transition_to_policy_action,
    )
    given = dict(np.load(observations))
    actions = []
    for number in range(len(next(iter(given.values())))):
        seen = {key: torch.from_numpy(values[number]) for key, values in given.items()}
        scaled = before(seen)
        action = policy.select_action({key: scaled[key] for key in seen})  # it wants no more
        actions.append(after(action)[0].tolist())
    unknown = set(load_file(folder / "model.safetensors")) - set(policy.state_dict())
    out.write_text(json.dumps({"actions": actions, "unknown": sorted(unknown)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
