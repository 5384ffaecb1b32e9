"""Draw the simulated tasks, each at its start and done by the scripted operator::

python -m docs.tools.tasks docs/images/tasks.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from configs.run import RunConfig
from configs.task import TASKS
from hil_app.bench.oracle import configured
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy
from robots.base import U8, Viewed

WIDTH, HEIGHT, BAR = 256, 192, 26  # of an image, and of the name above it [px]
COLUMNS = 2  # tasks a row


def main(file: Path) -> None:
    """Write the sheet."""
    names = [entry.name for entry in TASKS]
    cells = [_cell(name, *_both(configured(name, "so101_sim", 10.0, 0.02))) for name in names]
    rows = -(-len(cells) // COLUMNS)
    width, height = cells[0].size
    sheet = Image.new("RGB", (COLUMNS * width, rows * height), "white")
    for number, cell in enumerate(cells):
        sheet.paste(cell, (number % COLUMNS * width, number // COLUMNS * height))
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file, optimize=True)
    print(f"{file}: {', '.join(names)}")


def _both(config: RunConfig) -> tuple[U8, U8]:
    """How it looks as an episode begins, and once the operator is done."""
    parts = Assembly(config)
    operator, images = parts.teleop("always"), list[U8]()
    loop = parts.loop(operator, NoPolicy(), stop=lambda: False)
    robot = parts.robot
    assert isinstance(robot, Viewed)
    with robot, operator:
        seed = next(seed for seed in range(100) if loop.episode(seed).success)
        images.append(robot.render("overview", HEIGHT, WIDTH))
        loop.reset(seed)
        images.insert(0, robot.render("overview", HEIGHT, WIDTH))
    return images[0], images[1]


def _cell(name: str, before: U8, after: U8) -> Image.Image:
    cell = Image.new("RGB", (2 * WIDTH + 12, HEIGHT + BAR + 10), "white")
    cell.paste(Image.fromarray(np.concatenate([before, after], axis=1)), (6, BAR))
    font = ImageFont.load_default(15)
    ImageDraw.Draw(cell).text((8, 5), name, "#222222", font)
    return cell


if __name__ == "__main__":
    main(Path(sys.argv[1]))
