"""``hil-app bench remote`` as it is called: two computers that are one, faults, and arrivals."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from clusters import needs_ray, needs_two_computers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(580),
    pytest.mark.xdist_group("ray"),
    needs_ray,
    needs_two_computers,
]


def test_no_frame_is_lost_and_weights_arrive() -> None:
    command = ("bench", "remote", "faults", "weights", "--json")
    short = ("--faults=2", "--peace=5", "--weights=5", "--seed=3")
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", *command, *short],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MUJOCO_GL": "egl"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert sum(one["faults"] for one in found["faults"]["faults"]) == 2
    for run in (found["faults"]["peace"], found["faults"]["troubled"]):
        assert run["compared"]["frames"] > 0
        assert run["compared"]["lost"] == run["compared"]["doubled"] == run["violations"] == 0
    for one in found["weights"]:
        assert 0 < one["age_ms"]["p50"] <= one["age_ms"]["p99"]
        assert one["received_kb_s"] > one["weights_per_s"]
    assert "1 of 2 faults: " in done.stderr
    assert "min left" in done.stderr
