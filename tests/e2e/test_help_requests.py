"""``hil-app train`` with a policy that asks for take-overs, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SMALL = (
    "--train.demonstrations=2",
    "--train.ticks=80",
    "--env.control_time_s=3",
    "--eval.episodes=0",
    "--learner.learning_starts=20",
    "--learner.batch_size=16",
    "--policy.hidden_dims=[16]",
    "--policy.latent_dim=8",
    "--ask_for_help.min_value=9",
    "--ask_for_help.ticks=3",
    "--ask_for_help.again_after=5",
    "--ask_for_help.after_updates=10",
)


def test_the_operator_reads_that_the_policy_asks_and_the_run_keeps_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hil_app", "train", *SMALL, "--output_dir=out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = "! help_wanted: the policy asks for a take-over: the critics' value is "
    events = [json.loads(line) for line in (tmp_path / "out/events.jsonl").read_text().splitlines()]
    wanted = [event for event in events if event["event"] == "help_wanted"]
    assert wanted
    assert all(event["value"] < 9 for event in wanted)
    assert done.stdout.count(said) == len(wanted)
