"""Statistics of columns and images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil_app.recording.format.stats import (
    QUANTILES,
    Levels,
    merged,
    merged_all,
    of_column,
    read_stats,
    write_stats,
)

DRAW = np.random.default_rng(0)


def test_statistics_of_a_column() -> None:
    rows = np.arange(101, dtype=np.float32)[:, None] * [1, -2]
    stats = of_column(rows)
    assert stats["min"].tolist() == [0, -200]
    assert stats["max"].tolist() == [100, 0]
    assert stats["mean"].tolist() == [50, -100]
    np.testing.assert_allclose(stats["std"], [29.154759, 58.309519])
    assert stats["count"].tolist() == [101]
    np.testing.assert_allclose(stats["q01"], [1, -198])
    np.testing.assert_allclose(stats["q90"], [90, -20])


@pytest.mark.parametrize("values", [np.array([True, False]), np.array([3, 5], np.int64)])
def test_statistics_of_single_numbers_are_lists_of_one(values: np.ndarray) -> None:
    stats = of_column(values)
    assert {name: found.shape for name, found in stats.items()} == dict.fromkeys(stats, (1,))
    assert stats["mean"][0] == values.mean()


def test_merged_statistics_are_those_of_all_rows() -> None:
    parts = [DRAW.normal(size=(n, 3)) + n for n in (5, 50, 17)]
    one, two, three = (of_column(part) for part in parts)
    found, wanted = merged(merged(one, two), three), of_column(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(found[name], wanted[name], err_msg=name)
    for name in QUANTILES:
        mean = sum(len(p) * of_column(p)[name] for p in parts) / 72
        np.testing.assert_allclose(found[name], mean)


def test_large_numbers_keep_their_spread() -> None:
    """A sum of squares would lose it."""
    rows = 1e9 + np.arange(10.0)
    found = merged(of_column(rows[:4]), of_column(rows[4:]))
    np.testing.assert_allclose(found["std"], np.arange(10.0).std(), rtol=1e-6)


def test_statistics_of_images_are_per_channel_and_in_zero_to_one() -> None:
    images = DRAW.integers(0, 256, (7, 60, 90, 3), dtype=np.uint8)
    images[..., 1] //= 2
    levels = Levels()
    for each in images:
        levels.add(each)
    stats, values = levels.stats(), images.reshape(-1, 3) / 255
    for name, wanted in (
        ("min", values.min(0)),
        ("max", values.max(0)),
        ("mean", values.mean(0)),
        ("std", values.std(0)),
        ("q10", np.quantile(values, 0.1, axis=0)),
        ("q99", np.quantile(values, 0.99, axis=0)),
    ):
        assert stats[name].shape == (3, 1, 1)
        np.testing.assert_allclose(stats[name].ravel(), wanted, atol=1 / 255, err_msg=name)
    assert stats["count"].tolist() == [7]


def test_a_grid_of_a_large_image_is_enough() -> None:
    large = DRAW.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    levels = Levels()
    levels.add(large)
    np.testing.assert_allclose(
        levels.stats()["mean"].ravel(), large.reshape(-1, 3).mean(0) / 255, atol=0.02
    )


def test_statistics_come_back_from_their_file(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    stats = {"action": of_column(DRAW.normal(size=(9, 4))), "index": of_column(np.arange(9))}
    write_stats(tmp_path, stats)
    found = read_stats(tmp_path)
    for key, wanted in stats.items():
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[key][name], values)
    both = merged_all(found, stats)
    assert both["action"]["count"].tolist() == [18]
    (tmp_path / "meta/stats.json").write_text("[")
    assert read_stats(tmp_path) == {}
    (tmp_path / "meta/stats.json").unlink()
    assert read_stats(tmp_path) == {}
