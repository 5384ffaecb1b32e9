"""``hil-app bench load``: what it measures and prints."""

import json

import pytest

from configs.load import ConfigError
from hil_app.bench.commands import load
from hil_app.recording.dataset import Dataset


def test_loading_is_measured_beside_decoding(tmp_path, capsys):
    root = tmp_path / "dataset"
    assert load.run(["--frames=310", "--side=32", f"--root={root}", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [each.length for each in Dataset(root).episodes] == [300, 10]
    assert (result["frames"], result["rows"], result["episodes"]) == (310, 310, 2)
    assert result["pictures"] == {"front": [32, 32]}
    seconds, memory = result["seconds"], result["memory_mb"]
    assert seconds["load"] > 0
    assert result["ratio"] > 1  # it decodes, too
    assert memory["buffer"] >= 312 * 32 * 32 * 3 // 1_000_000
    assert memory["process"] > memory["peak"] >= 0
    assert result["write_s"] > 0
    assert load.run([f"--root={root}"]) == 0  # the same again
    shown = capsys.readouterr().out
    assert "310 frames, 2 episodes" in shown
    assert "decoding alone" in shown


@pytest.mark.parametrize("option", ["--frames=0", "--side=15", "--side=33"])
def test_what_cannot_be_measured_is_refused(option):
    with pytest.raises(ConfigError, match=option.split("=")[0]):
        load.run([option])
