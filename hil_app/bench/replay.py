"""How fast batches are drawn, beside the plain way of keeping images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from configs.learning.photometric import PhotometricConfig
from configs.names import OBS_IMAGES, OBS_STATE
from hil_app.bench import Result
from hil_app.learning.buffer.replay import ReplayBuffer

STATE_DIM, ACTION_DIM = 18, 4
CAMERAS = (f"{OBS_IMAGES}.front", f"{OBS_IMAGES}.wrist")
PAD = 4  # of the random shift [px]
SHIFTED, PLAIN = "two cameras, random shift", "the same, plain float32"
LIT = "two cameras, random shift and light"


class PlainImages:
    """Images as float32 in every row that shows them, moved one by one: the usual way."""

    def __init__(self, pad: int) -> None:
        self.pad = pad
        self.rows: list[tuple[Tensor, Tensor]] = []  # state, next state, each (C, H, W) in [0, 1]

    def add(self, now: Tensor, then: Tensor) -> None:
        """Keep a row of uint8 images (C, H, W)."""
        self.rows.append((now.float() / 255, then.float() / 255))

    def sample(self, index: Tensor, shifts: Tensor) -> tuple[Tensor, Tensor]:
        """States and next states (B, C, H, W) of rows `index`, moved by shifts (2, B, 2) [px]."""
        rows = [self.rows[i] for i in index.tolist()]
        now, then = (torch.stack(column) for column in zip(*rows, strict=True))
        return self._moved(now, shifts[0]), self._moved(then, shifts[1])

    def _moved(self, images: Tensor, shifts: Tensor) -> Tensor:
        padded = F.pad(images, [self.pad] * 4, mode="replicate")
        height, width = images.shape[-2:]
        corners = (shifts + self.pad).tolist()
        return torch.stack(
            [
                one[:, y : y + height, x : x + width]
                for one, (y, x) in zip(padded, corners, strict=True)
            ]
        )


def replay(batch_size: int, rows: int, rounds: int, side: int) -> Result:
    """Median, least and most time of sample(batch_size) [ms], and bytes a transition.

    Images are ``side`` high and wide [px].
    """
    images = _images(rows + 1, side)
    ours, shifted, lit, numbers = (
        ReplayBuffer(rows, state_keys=keys, **options) for keys, options in _KINDS
    )
    plain = {key: PlainImages(PAD) for key in CAMERAS}
    for now, then in pairwise(images):
        for buffer in (ours, shifted, lit, numbers):
            buffer.add(now, np.zeros(ACTION_DIM, np.float32), 0.0, then, False, False)
        for key in CAMERAS:
            plain[key].add(now[key], then[key])
    draw = torch.Generator().manual_seed(0)

    def plainly() -> None:
        for key in CAMERAS:
            index = torch.randint(rows, (batch_size,), generator=draw)
            shifts = torch.randint(-PAD, PAD + 1, (2, batch_size, 2), generator=draw)
            plain[key].sample(index, shifts)

    times = interleaved(
        {
            "state only": lambda: numbers.sample(batch_size),
            "two cameras": lambda: ours.sample(batch_size),
            SHIFTED: lambda: shifted.sample(batch_size),
            LIT: lambda: lit.sample(batch_size),
            PLAIN: plainly,
        },
        rounds,
    )
    kept = sum(row.nbytes for row in plain[CAMERAS[0]].rows[0]) * len(CAMERAS)
    ratio = times[PLAIN]["median"] / times[SHIFTED]["median"]
    return {
        "ms": times,
        "ratios": {SHIFTED: round(ratio, 1)},
        "picture_bytes_a_transition": {"ours": round(shifted.bytes / rows), "plain": kept},
        "batch_size": batch_size,
        "rows": rows,
    }


def interleaved(cases: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Any]:
    """Time every case once a round, so that all see the same machine: [ms] by case."""
    for case in cases.values():
        case()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            started = perf_counter()
            case()
            seconds[name].append(perf_counter() - started)
    return {name: _spread(values) for name, values in seconds.items()}


def _spread(seconds: list[float]) -> dict[str, float]:
    values = np.array(seconds) * 1e3
    figures = {"median": np.median(values), "min": values.min(), "max": values.max()}
    return {name: round(float(value), 3) for name, value in figures.items()}


_KINDS: list[tuple[list[str], dict[str, Any]]] = [
    ([OBS_STATE, *CAMERAS], {}),
    ([OBS_STATE, *CAMERAS], {"use_drq": True, "image_pad": PAD}),
    (
        [OBS_STATE, *CAMERAS],
        {"use_drq": True, "image_pad": PAD, "photometric": PhotometricConfig()},
    ),
    ([OBS_STATE], {}),
]


def _images(count: int, side: int) -> list[dict[str, Tensor]]:
    draw = torch.Generator().manual_seed(0)

    def image() -> Tensor:
        pixels = torch.randint(0, 256, (side, side, 3), generator=draw, dtype=torch.uint8)
        return pixels.permute(2, 0, 1)

    return [
        {OBS_STATE: torch.zeros(STATE_DIM), **{key: image() for key in CAMERAS}}
        for _ in range(count)
    ]
