"""``hil-app bench page``: what it measures is what it says."""

import json

from hil_app.bench import record
from hil_app.bench.commands import page as command

QUICK = ["--seconds=1", "--turns=1", "--presses=4"]


def test_it_measures_both_kinds_and_every_press(capsys, monkeypatch):
    monkeypatch.setattr(record, "WIDTH", 80)
    monkeypatch.setattr(record, "HEIGHT", 60)
    assert command.run([*QUICK, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    loop, presses = result["loop"], result["presses"]
    assert set(loop["lateness_ms"]) == {"without", "with a page"}
    assert loop["ticks_each"] >= 30
    assert loop["images_per_s"] > 0
    assert loop["image_age_ms"]["p50"] > 0
    assert 0 <= loop["handed_over_ms"]["p50"] <= loop["handed_over_ms"]["max"]
    assert (presses["presses"], presses["lost"]) == (4, 0)
    whole, own = presses["ms"]["from press to goal"], presses["ms"]["own"]
    assert 0 < own["p50"] <= whole["p50"]
