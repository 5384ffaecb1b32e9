"""Chromium as the browser of the benchmark: see :mod:`hil_app.bench.page.browser`.

An image counts as drawn with the screen's next frame; a key as pressed when Chromium says it was.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from hil_app.bench.page.stamps import BITS, BLOCK, UNIT_S
from hil_app.bench.teleop import TAP_S

_NEEDED = ("--disable-background-networking", "--enable-unsafe-swiftshader", "--mute-audio")
_WATCH = """
([block, bits, unit]) => {
  const seconds = (at) => (performance.timeOrigin + at) / 1000;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  window.bench = { ages: [], presses: [] };
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    draw.apply(this, given);
    const columns = Math.floor(this.canvas.width / block), wide = block * columns;
    const { data } = this.getImageData(0, 0, wide, block * Math.ceil(bits / columns));
    let stamp = 0;
    for (let bit = 0; bit < bits; bit++) {
      const x = block * (bit % columns) + block / 2;
      const y = block * Math.floor(bit / columns) + block / 2;
      if (data[4 * (y * wide + x)] > 127) stamp += 2 ** bit;
    }
    requestAnimationFrame(() => {
      const now = Math.floor(seconds(performance.now()) / unit) % 2 ** bits;
      bench.ages.push(((now - stamp + 2 ** bits) % 2 ** bits) * unit);
    });
  };
  const pressed = (event) => bench.presses.push(seconds(event.timeStamp));
  addEventListener("keydown", pressed, { capture: true });
}
"""


def _look(page: Any) -> None:
    page.wait_for_function("() => bench.ages.length > 0", polling=20)
    _say(True)
    sys.stdin.read()
    _say(page.evaluate("bench.ages"))


def _press(page: Any) -> None:
    page.get_by_role("button", name="Take the controls").click()
    page.get_by_role("button", name="Give the controls back").wait_for()
    page.keyboard.down("ShiftLeft")  # which takes over
    _say(True)
    for line in sys.stdin:
        page.keyboard.down(line.strip())
        time.sleep(TAP_S)
        page.keyboard.up(line.strip())
        _say(page.evaluate("bench.presses.at(-1)"))
    page.keyboard.up("ShiftLeft")


def _say(answer: Any) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    """Look at the page of the link that is the first argument, or press keys there."""
    from playwright.sync_api import sync_playwright

    link, doing, path = sys.argv[1:]
    options = [*_NEEDED, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(f"({_WATCH})({json.dumps([BLOCK, BITS, UNIT_S])})")
        page.goto(link)
        {"look": _look, "press": _press}[doing](page)
        browser.close()


if __name__ == "__main__":
    main()
