"""``hil-app bench page``: what it measures is what it says."""

import json
import time

import cv2
import numpy as np
import pytest
from browsers import missing

from hil_app.bench import record
from hil_app.bench.commands import page as command
from hil_app.bench.page import browser
from hil_app.bench.page.stamps import age, stamped

QUICK = ["--seconds=1", "--turns=1", "--presses=4"]


@pytest.mark.slow
@pytest.mark.parametrize("drawn", ["Chromium", "a client that draws nothing"])
def test_it_measures_both_kinds_and_every_press(drawn, capsys, monkeypatch):
    if drawn != "Chromium":
        monkeypatch.setattr(browser, "executable", lambda: None)
    elif (why := missing()) is not None:
        pytest.skip(why)
    monkeypatch.setattr(record, "WIDTH", 80)
    monkeypatch.setattr(record, "HEIGHT", 60)
    assert command.run([*QUICK, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["browser"] == drawn
    loop, presses = result["loop"], result["presses"]
    assert set(loop["lateness_ms"]) == {"without", "with a page"}
    assert loop["ticks_each"] >= 30
    assert loop["images_per_s"] > 0
    assert 0 < loop["image_age_ms"]["p50"] < 20_000
    assert 0 <= loop["handed_over_ms"]["p50"] <= loop["handed_over_ms"]["max"]
    assert (presses["presses"], presses["lost"]) == (4, 0)
    whole, own = presses["ms"]["from press to goal"], presses["ms"]["own"]
    assert 0 < own["p50"] <= whole["p50"]


@pytest.mark.parametrize("width", [80, 640])
def test_an_image_says_how_old_it_is_after_jpeg(width):
    image = np.random.default_rng(0).integers(0, 255, (60, width, 3)).astype(np.uint8)
    now = time.time()
    jpeg = cv2.imencode(".jpg", stamped(image, now), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    shown = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert age(shown, now + 0.25) == pytest.approx(0.25, abs=2e-4)
