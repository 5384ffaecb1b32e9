"""A learner that is stopped from another computer stays away, though nobody asks the learner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clusters import needs_ray, needs_two_computers

from hil_app.bench import BenchError
from hil_app.bench.remote.lab import Lab

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("ray"),
    needs_ray,
    needs_two_computers,
]


def test_now_takes_it_off_the_list_of_its_own_computer(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        known = lab._short / "learner" / "hil-app" / "learners.json"
        assert [*json.loads(known.read_text())] == ["learner"]
        said = lab.call("robot", "learner", "stop", "--now", f"--address={lab.address}")
        assert said == "learner learner has ended: its newest checkpoint is what there is\n"
        assert json.loads(known.read_text()) == {}
        with pytest.raises(BenchError, match="the cluster has no learner learner"):
            lab.call("learner", "learner", "stop")
        known.write_text('{"learner": []}')  # as if it had not answered
        said = lab.call("learner", "learner", "stop")
        assert said == "learner learner is not up, and will not be started again here\n"
        assert json.loads(known.read_text()) == {}
