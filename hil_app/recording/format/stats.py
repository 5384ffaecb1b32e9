"""Statistics of columns and images, for whoever normalises by them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from configs.text.reading import read_json
from configs.text.writing import write_whole
from hil_app.recording.format.inside import DatasetError, check_inside
from hil_app.recording.format.layout import STATS
from robots.base import U8

Stats = dict[str, NDArray[Any]]  # min, max, mean, std, count [1] and quantiles of one feature
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
LOOKED_AT = 100  # pixels of an image's side that are counted, at most about twice as many
LEVELS = 256


def of_column(values: NDArray[Any]) -> Stats:
    """Statistics of T rows: (n,) each, for single numbers (1,).

    Infinities make some of them nan.
    """
    rows = values.reshape(len(values), -1).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
        return {
            "min": rows.min(axis=0),
            "max": rows.max(axis=0),
            "mean": rows.mean(axis=0),
            "std": rows.std(axis=0),
            "count": np.array([len(rows)]),
            **dict(zip(QUANTILES, quantiles, strict=True)),
        }


class Levels:
    """How often each channel has each level, in images (height, width, 3) seen so far."""

    def __init__(self) -> None:
        self._counts = np.zeros((3, LEVELS), np.int64)
        self._images = 0

    def add(self, image: U8) -> None:
        """Count an image; of a large one, a grid of its pixels."""
        rows, columns = (max(1, side // LOOKED_AT) for side in image.shape[:2])
        for channel in range(3):
            seen = image[::rows, ::columns, channel].ravel()
            self._counts[channel] += np.bincount(seen, minlength=LEVELS)
        self._images += 1

    def stats(self) -> Stats:
        """Statistics (3, 1, 1) of levels from 0 to 1."""
        level = np.arange(LEVELS) / (LEVELS - 1)
        share = self._counts / self._counts.sum(axis=1, keepdims=True)
        mean = share @ level
        std = np.sqrt(np.maximum(share @ level**2 - mean**2, 0))
        below = self._counts.cumsum(axis=1)
        found = {
            "min": level[(self._counts > 0).argmax(axis=1)],
            "max": level[LEVELS - 1 - (self._counts > 0)[:, ::-1].argmax(axis=1)],
            "mean": mean,
            "std": std,
            **{
                name: level[(below >= q * below[:, -1:]).argmax(axis=1)]
                for name, q in QUANTILES.items()
            },
        }
        shaped = {name: values.reshape(3, 1, 1) for name, values in found.items()}
        return {**shaped, "count": np.array([self._images])}


def merged(first: Stats, second: Stats) -> Stats:
    """Statistics of both together; the quantiles are means of both, as the format has them."""
    one, two = float(first["count"][0]), float(second["count"][0])
    a, b = one / (one + two), two / (one + two)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = a * first["mean"] + b * second["mean"]
        spread = a * (first["std"] ** 2 + (first["mean"] - mean) ** 2)
        spread = spread + b * (second["std"] ** 2 + (second["mean"] - mean) ** 2)
        return {
            "min": np.minimum(first["min"], second["min"]),
            "max": np.maximum(first["max"], second["max"]),
            "mean": mean,
            "std": np.sqrt(spread),
            "count": first["count"] + second["count"],
            **{
                name: a * first[name] + b * second[name]
                for name in QUANTILES
                if name in first and name in second  # older tools wrote none
            },
        }


def merged_all(first: Mapping[str, Stats], second: Mapping[str, Stats]) -> dict[str, Stats]:
    """Statistics by feature of both together."""
    return {
        key: merged(first[key], stats) if key in first else stats for key, stats in second.items()
    }


def write_stats(root: Path, stats: Mapping[str, Stats]) -> None:
    """Replace ``meta/stats.json``; OSError if the disk refuses."""
    said = {
        key: {name: values.tolist() for name, values in found.items()}
        for key, found in stats.items()
    }
    write_whole(root / STATS, (json.dumps(said, indent=4) + "\n").encode())


def read_stats(root: Path) -> dict[str, Stats]:
    """``meta/stats.json``, empty if there is none, or none that can be read."""
    try:
        said = read_json(check_inside(root, root / STATS))
        found = {
            key: {name: np.asarray(values, np.float64) for name, values in stats.items()}
            for key, stats in said.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, DatasetError):
        return {}
    known = {"min", "max", "mean", "std", "count", *QUANTILES}
    return found if all(known <= stats.keys() for stats in found.values()) else {}
