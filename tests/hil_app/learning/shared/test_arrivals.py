"""What a robot sends is looked at: shapes, kinds, ranges, and finite numbers."""

from dataclasses import replace

import numpy as np
import pytest

from configs.learning.policy import FeatureType, GaussianActorConfig, PolicyFeature
from hil_app.learning.elsewhere.experiences import SentFrame
from hil_app.learning.shared.arrivals import FrameCheck, FrameRefused

STATE, IMAGE = "observation.state", "observation.images.front"
CONFIG = GaussianActorConfig(
    input_features={
        STATE: PolicyFeature(FeatureType.STATE, (2,)),
        IMAGE: PolicyFeature(FeatureType.VISUAL, (3, 16, 24)),
    },
    output_features={"action": PolicyFeature(FeatureType.ACTION, (3,))},
    dataset_stats={STATE: {"min": [0.0, -1.0], "max": [1.0, 1.0]}},
    num_discrete_actions=3,
)
SEEN = {STATE: np.zeros(2, np.float32), IMAGE: np.zeros((16, 24, 3), np.uint8)}
FRAME = SentFrame(
    number=1,
    observation=SEEN,
    next_observation=SEEN,
    action=np.array([1, -1, 0, 2], np.float32),
    policy_action=np.zeros(4, np.float32),
    reward=1.0,
    discrete_penalty=-0.1,
    success=False,
    terminated=False,
    truncated=False,
    is_intervention=False,
    rerecord=False,
    after_pause=False,
)


def test_what_the_policy_sees_and_does_is_taken():
    FrameCheck(CONFIG).check(FRAME)
    beyond = np.array([1.5, -1.5], np.float32)  # a robot may be a little outside
    FrameCheck(CONFIG).check(replace(FRAME, observation={**SEEN, STATE: beyond}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"observation": {STATE: SEEN[STATE]}}, "lacks observation.images.front"),
        ({"observation": {**SEEN, STATE: np.zeros(3, np.float32)}}, r"\(3,\), not numbers \(2,\)"),
        ({"observation": {**SEEN, STATE: np.array(["a", "b"])}}, "not numbers"),
        ({"next_observation": {**SEEN, STATE: np.array([np.nan, 0])}}, "not finite"),
        ({"next_observation": {**SEEN, STATE: np.array([0, 1e4])}}, "10000 at 1, far outside"),
        ({"observation": {**SEEN, IMAGE: np.zeros((24, 16, 3), np.uint8)}}, "not uint8"),
        ({"observation": {**SEEN, IMAGE: np.zeros((16, 24, 3))}}, "float64"),
        ({"action": np.zeros(3, np.float32)}, "not 4 finite numbers"),
        ({"action": np.array([np.inf, 0, 0, 0])}, "not 4 finite numbers"),
        ({"action": np.array([1.1, 0, 0, 0])}, "1.1 at 0"),
        ({"policy_action": np.array([0, 0, 0, 7])}, "chooses 7 of 3"),
        ({"policy_action": np.array([0, 0, 0, 0.5])}, "chooses 0.5 of 3"),
        ({"reward": float("nan")}, "its reward is nan"),
        ({"discrete_penalty": -1e9}, "its discrete_penalty is"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(changes, said):
    with pytest.raises(FrameRefused, match=said):
        FrameCheck(CONFIG).check(replace(FRAME, **changes))
