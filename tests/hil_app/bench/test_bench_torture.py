"""``hil-app bench torture``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from configs.load import ConfigError
from hil_app.bench.commands import torture as bench_torture
from hil_app.bench.torture import inputs, worker
from hil_app.bench.torture.mutations import NEVER, as_json, damaged, finite, leaves, planted
from hil_app.bench.torture.row import TOO_MUCH, TortureRow
from hil_app.bench.torture.runs import (
    STORMS,
    Run,
    _look_at_end,
    _look_at_frames,
    runs,
    troubles,
)
from hil_app.bench.torture.subjects import Subject
from hil_app.support.tables import print_table
from robots.base import RobotError


class Reported(Subject):
    """An input that says what reading it comes to."""

    name = "told"

    def __init__(self, *commands: str) -> None:
        self.commands = ["42", *commands]

    def make(self, folder: Path) -> None:
        (folder / "file").write_text("")

    def hurt(self, folder: Path, draw: Random) -> str:
        (folder / "file").write_text("hurt")
        return f"try {draw.random()}"

    def read(self, folder: Path) -> Any:
        assert (folder / "file").exists()
        return eval(self.commands.pop(0), {"RobotError": RobotError, "time": time})


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("42", "good"),
        ("float('nan')", "accepted"),
        ("(_ for _ in ()).throw(RobotError('one clear line'))", "refused"),
        ("(_ for _ in ()).throw(RobotError('two\\nlines'))", "unclear"),
        ("(_ for _ in ()).throw(RobotError('long' * 1000))", "unclear"),
        ("(_ for _ in ()).throw(SystemExit(3))", "traceback"),
        ("1 / 0", "traceback"),
        ("(_ for _ in ()).throw(MemoryError())", "memory"),
        ("time.sleep(60)", "hang"),
    ],
)
def test_every_outcome_is_reported_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, outcome: str
) -> None:
    monkeypatch.setattr(worker, "_limit_memory", lambda: None)
    monkeypatch.setattr(worker, "LIMIT_S", 0.2)
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(worker, "_say", lines.append)
    worker.serve(Reported(command), seed=0, first=5, count=1, folder=tmp_path)
    assert [line["try"] for line in lines] == [5, 5]
    assert lines[1]["outcome"] == outcome


def test_a_row_is_good_only_while_all_its_counts_are_zero() -> None:
    row = TortureRow("config file")
    row.count("good", "", "")
    row.count("refused", "", "a clear line", grown_mb=TOO_MUCH / 2)
    assert row.good
    assert (row.tries, row.memory_mb) == (2, TOO_MUCH / 2)
    for outcome, field in [
        ("traceback", "tracebacks"),
        ("unclear", "tracebacks"),
        ("hang", "hangs"),
        ("memory", "memory"),
        ("accepted", "accepted"),
    ]:
        bad = TortureRow("config file")
        bad.count(outcome, "bits flipped", "why")
        assert (bad.good, getattr(bad, field)) == (False, 1)
        assert bad.faults == [f"bits flipped: {outcome}: why"]
    row.count("good", "", "", grown_mb=TOO_MUCH + 1)
    assert row.memory == 1


def test_inputs_are_read_in_a_process_of_their_own_that_may_die(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that dies or hangs costs one try; the next goes on behind it."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "first, count = map(int, sys.argv[3:5])\n"
        "for n in range(first, first + count):\n"
        "    print(json.dumps({'try': n, 'done': f'try {n}'}), flush=True)\n"
        "    if n == 1: os.abort()\n"
        "    if n == 3: time.sleep(60)\n"
        "    answer = {'try': n, 'outcome': 'good', 'message': '', 'grown': 2048}\n"
        "    print(json.dumps(answer), flush=True)\n"
    )
    start = inputs.subprocess.Popen

    def started(command: list[str], **options: Any) -> Any:
        return start([command[0], str(script), *command[-5:]], **options)

    monkeypatch.setattr(inputs.subprocess, "Popen", started)
    monkeypatch.setattr(inputs, "_STUCK_S", 1.0)
    row = inputs.inputs("any", 5, seed=0)
    assert (row.tries, row.tracebacks, row.hangs, row.memory_mb) == (5, 1, 1, 2.0)
    assert [fault.split(":")[0] for fault in row.faults] == ["try 1", "try 3"]


def test_draws_repeat_and_hostile_values_stand_where_they_are_said_to() -> None:
    tree = {"a": [1, {"b": "text"}], "c": None}
    assert sorted(leaves(tree), key=str) == [("a", 0), ("a", 1, "b"), ("c",)]
    for number in range(50):
        place, token, text = planted(Random(number), tree, as_json, True)
        assert planted(Random(number), tree, as_json, True) == (place, token, text)
        assert token in text
        assert damaged(Random(number), b"abc" * 9) == damaged(Random(number), b"abc" * 9)
    assert finite({"a": [1.0, ("x", 2)]})
    assert not finite({"a": [1.0, (float("inf"), 2)]})
    assert all(token not in ("1", "0") for token in NEVER)


def test_the_command_prints_a_row_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    bench_torture.run(["--tries=3", "--only=HID reports", "--json"])
    assert [(row["kind"], row["tries"]) for row in json.loads(capsys.readouterr().out)] == [
        ("HID reports", 3)
    ]


def test_the_table_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    longest = max([*inputs.SUBJECTS, *troubles()], key=len)
    print_table(
        bench_torture._table([TortureRow(longest, 1500, 1499, 1498, 1497, slowest_s=12.34)])
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split() == ["tries", "backs", "hangs", "MiB", "sed", "lost", "left", "[s]"]
    assert lines[5].split()[-8:] == ["1500", "1499", "1498", "1497", "0", "0", "0", "12.34"]
    assert max(map(len, lines)) <= 80


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no kind 'x'; kinds: config file, options, .*"):
        bench_torture.run(["--only=x"])
    with pytest.raises(ConfigError, match="--tries: must be at least 1"):
        bench_torture.run(["--tries=0"])


def test_rows_add_up() -> None:
    row = TortureRow("Ctrl-C")
    row.add(TortureRow("Ctrl-C", tries=1, slowest_s=2.5))
    row.add(
        TortureRow("Ctrl-C", tries=1, torque_left=1, frames_lost=3, slowest_s=1.0, faults=["why"])
    )
    row.add(TortureRow("Ctrl-C", tries=1))
    assert (row.tries, row.torque_left, row.frames_lost, row.slowest_s) == (3, 1, 3, 2.5)
    assert row.faults == ["try 2: why"]
    assert not row.good


def test_an_arm_that_is_not_let_go_in_time_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no bench if nothing is ever wrong to it."""

    class Arm:
        def report(self) -> Any:
            return {"motors": {"elbow_flex": {"torque_enable": 1}}}

    class Ended:
        ended = True

    run = Run(cast(Any, Ended()), cast(Any, Arm()), tmp_path, Random(0))
    (tmp_path / "errors").write_text("Traceback (most recent call last)\nlast words")
    monkeypatch.setattr(Run, "send", lambda *_: None)
    row = TortureRow("Ctrl-C")
    _look_at_end(run, row)
    assert (row.torque_left, row.tracebacks, row.hangs) == (1, 1, 0)
    assert row.faults[1] == "torque at the end: elbow_flex; last words"
    (tmp_path / "disk" / "run").mkdir(parents=True)
    (tmp_path / "disk" / "run" / "events.jsonl").write_text('{"event": "episode", "ticks": 7}\n{"e')
    _look_at_frames(run, row)
    assert row.frames_lost == 7


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(worker.SUBJECTS))
def test_many_hostile_inputs_of_every_kind(kind: str) -> None:
    row = inputs.inputs(kind, 1500, seed=1)
    assert row.good, row.faults


@pytest.mark.slow
@pytest.mark.parametrize("trouble", sorted(troubles()))
def test_torque_is_off_in_time_whatever_goes_wrong(trouble: str) -> None:
    [row] = runs({trouble: 20 if trouble == STORMS else 4}, seed=1, report=lambda _: None)
    assert row.good, row.faults
