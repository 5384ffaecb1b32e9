"""When robots are good, by what their runs tell; which faults are drawn; what is asked for."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table

from configs.errors import ConfigError
from hil_app.bench.commands import remote
from hil_app.bench.remote import robots
from hil_app.bench.remote.arrivals import Arrival
from hil_app.bench.remote.faults import FAULTS, _drawn
from hil_app.bench.remote.lab import busy_s
from hil_app.bench.remote.robots import Scaled


def told(folder: Path, episodes: list[tuple[float, bool, int]], stage: str = "train") -> Path:
    """A run's folder with episodes of 10 ticks: when each ended, its success, interventions."""
    folder.mkdir(exist_ok=True)
    with (folder / "events.jsonl").open("a") as file:
        for time, success, taken in episodes:
            facts = {"time": time, "success": success, "intervention_ticks": taken, "ticks": 10}
            file.write(f"{json.dumps({'event': 'episode', 'stage': stage, **facts})}\n")
        file.write('{"event": "episode", "sta')  # under way
    return folder


def test_t95_is_of_the_newest_episodes_of_all_robots_in_their_order(tmp_path: Path) -> None:
    one = told(tmp_path / "a", [(100.0 + 2 * n, n != 3, 0) for n in range(12)])
    assert robots._t95([tmp_path / "none yet", one]) is None
    two = told(tmp_path / "b", [(101.0 + 2 * n, True, 5 * (n == 0)) for n in range(12)])
    # the operator helped in the episode that ended at 101, and that of 106 failed
    assert robots._t95([one, two]) == pytest.approx(121.0 - 99.0)


def test_demonstrations_and_other_stages_do_not_count(tmp_path: Path) -> None:
    good = [(100.0 + n, True, 0) for n in range(30)]
    assert robots._t95([told(tmp_path / "a", good, "demonstrate")]) is None


def test_each_kind_of_fault_is_drawn_and_those_that_take_long_less_often() -> None:
    few = _drawn(len(FAULTS), np.random.default_rng(0))
    assert {fault.name for fault in few} == {fault.name for fault in FAULTS}
    many = Counter(fault.name for fault in _drawn(200, np.random.default_rng(0)))
    assert many.total() == 200
    assert min(many, key=many.__getitem__) == "the learner's raylet killed"
    assert len(_drawn(2, np.random.default_rng(0))) == 2


def _rows(table: Table) -> dict[str, list[str]]:
    """What stands in each row, after its name."""
    names, *columns = ([*map(str, column.cells)] for column in table.columns)
    return dict(zip(names, map(list, zip(*columns, strict=True)), strict=True))


def test_tables_have_a_row_each() -> None:
    age = {"p50": 12.34, "p99": 56.7, "max": 89.0}
    weights = remote._weights_table([Arrival("wide", 30.0, age, 14.2, 90.0, 9000.0)])
    scaled = [
        Scaled("thread", 1, 40.0, 35.0, 7.0, 7.0, 0.2, 0.0, 0.0, 0.3, 2, 0, 0.0),
        Scaled("ray", 8, 300.0, None, 50.0, 10.0, 0.8, 0.1, 0.5, 1.9, 2, 12, 700.0),
    ]
    assert weights.row_count == 1
    told = _rows(remote._robots_table(scaled))
    assert told["T95 [s]"] == ["35", "> 300"]
    assert told["ticks/s"] == ["7.0 of 10", "50.0 of 80"]


@pytest.mark.parametrize(
    ("learner", "busy", "short_of"),
    [(0.5, 1.0, ""), (0.95, 1.5, "the learner's core"), (0.95, 3.7, "cores"), (0.3, 3.7, "cores")],
)
def test_what_there_is_too_little_of_is_named(learner: float, busy: float, short_of: str) -> None:
    one = Scaled("ray", 2, 60.0, 50.0, 20.0, 9.0, 0.4, 0.1, learner, busy, 4, 0, 700.0)
    assert one.short_of == short_of
    assert _rows(remote._robots_table([one]))["short of"] == [short_of]


def test_a_core_that_works_is_counted_as_busy() -> None:
    before, end = busy_s(), time.process_time() + 0.3
    while time.process_time() < end:
        pass
    assert busy_s() - before > 0.2


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be one of faults, weights, robots, got speed"):
        remote.run(["speed"])
