"""``hil-app bench bus``: what it prints, on a virtual arm that it starts itself."""

import json
import subprocess
import sys

import pytest

from configs.load import ConfigError
from hil_app.bench.commands import bus
from robots.base import NotConnected


def test_bus_prints_both_times_and_their_ratio(capsys):
    assert bus.run(["--rounds=200", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    times = result["ms"]
    assert set(times) == {"sdk", "ours"}
    assert all(0 < t["p50"] <= t["p99"] <= t["max"] for t in times.values())
    assert result["ratio"]["p50"] == pytest.approx(times["ours"]["p50"] / times["sdk"]["p50"], 0.01)
    assert result["ratio"]["p50"] < 1.5  # 1.2 is the aim; shared machines are noisy
    assert result["share_of_tick"]["ours"] == pytest.approx(times["ours"]["p50"] * 0.03, abs=1e-4)


def test_the_table_comes_from_the_command_and_leaves_no_arm_behind():
    command = [sys.executable, "-m", "hil_app", "bench", "bus", "--rounds=20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "bare SDK" in done.stdout
    assert "ours / SDK" in done.stdout
    assert done.stderr == ""


def test_a_port_that_is_not_there_is_named():
    with pytest.raises(NotConnected, match="no port /dev/ttyACM99"):
        bus.run(["--port=/dev/ttyACM99"])


def test_rounds_below_one_are_refused():
    with pytest.raises(ConfigError, match="--rounds"):
        bus.run(["--rounds=0"])
