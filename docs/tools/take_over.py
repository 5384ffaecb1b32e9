"""Make a clip of an episode in which the operator takes over, of a run with a camera ``front``.

The README's, of a simulated arm::

    hil-app train --robot.cameras.front.width=400 --robot.cameras.front.height=300 \\
        --processor.observation.images=false --train.ticks=400 --eval.episodes=0 \\
        --output_dir=runs/clip
    python -m docs.tools.take_over runs/clip docs/images/take_over.gif
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from hil_app.datasets.track import Track, track
from hil_app.recording.dataset import Dataset
from hil_app.runs.folder import dataset_of
from robots.base import U8

CAMERA = "front"
OPERATOR, POLICY = "#e8820c", "#3f61a5"
BAR, EDGE = 34, 5  # the line below an image, and the frame around it [px]
SLOWER = 1.5  # than it was, for those who look


def main(run: Path, file: Path) -> None:
    """Write the clip of the success in which the operator acted for the largest share, not all."""
    dataset = Dataset(dataset_of(run))
    tracks = {number: track(dataset, number) for number in range(len(dataset.episodes))}
    shares = {number: _share(one) for number, one in tracks.items() if one.successes}
    helped = {number: share for number, share in shares.items() if 0 < share < 1}
    if not helped:
        raise SystemExit(f"{run}: no episode succeeded with some help: train longer")
    chosen = max(helped, key=lambda number: helped[number])
    found = tracks[chosen]
    images = list(islice(dataset.images(chosen, CAMERA), found.length))
    frames = [_frame(image, _by_hand(found, tick)) for tick, image in enumerate(images)]
    frames += [frames[-1]] * round(found.fps)
    shown_ms = round(1000 * SLOWER / found.fps)
    file.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=shown_ms, loop=0)
    print(f"{file}: episode {chosen}, {found.length} ticks")


def _share(found: Track) -> float:
    """Of the ticks in which the operator acted."""
    return sum(last - first for first, last in found.interventions) / found.length


def _by_hand(found: Track, tick: int) -> bool:
    return any(first <= tick < last for first, last in found.interventions)


def _frame(image: U8, by_hand: bool) -> Image.Image:
    """An image with who has the arm."""
    height, width = image.shape[:2]
    colour = OPERATOR if by_hand else POLICY
    frame = Image.new("RGB", (width + 2 * EDGE, height + EDGE + BAR), colour)
    frame.paste(Image.fromarray(image), (EDGE, EDGE))
    says = "the operator has taken over" if by_hand else "the policy acts"
    middle = width // 2 + EDGE, height + EDGE + BAR // 2
    font = ImageFont.load_default(18)
    ImageDraw.Draw(frame).text(middle, says, fill="white", anchor="mm", font=font)
    return frame.quantize(64)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
