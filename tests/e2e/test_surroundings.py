"""Runs whose terminal takes nothing, whose disk is slow, whose reader is gone: torque goes all the
same, in the configured time."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from virtual_arms import Running, virtual_arm
from waiting import PATIENCE_S, until

from configs.load import read
from hil_app.bench.torture.surroundings import SlowDisk, stalled_terminal
from hil_app.recording.dataset import Dataset
from hil_app.recording.mending.repair import repair

HOLD_S, BACK_OFF_S, LET_DOWN_S = 0.2, 0.5, 1.0
TO_REST_S = 6.0
LATE = 30.0  # what the busiest machine may add [s]


@pytest.fixture(scope="module")
def arm() -> Iterator[Running]:
    with virtual_arm("--arm=so100", "--world=sim_pick_lift") as running:
        yield running


def torque(arm: Running) -> set[int]:
    return {motor["torque_enable"] for motor in arm.arm.report()["motors"].values()}


def takes(condition: Callable[[], bool]) -> float:
    """How long it takes [s]."""
    began = time.monotonic()
    until(condition)
    return time.monotonic() - began


def recording(arm: Running, folder: Path) -> list[str]:
    """A command that records a scripted operator on the arm."""
    config = read("so100_pick_lift")
    del config["robot"]["cameras"]
    (folder / "run.yaml").write_text(yaml.safe_dump(config))
    return [
        *(sys.executable, "-m", "hil_app", "record", "--config_path=run.yaml"),
        *(f"--robot.port={arm.port}", "--output_dir=out", "--dataset.num_episodes=100"),
        f"--robot.safety.hold_s={HOLD_S}",
        f"--robot.safety.back_off_s={BACK_OFF_S}",
    ]


def reported(folder: Path, name: str) -> int:
    path = folder / "out/events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return sum(json.loads(line)["event"] == name for line in lines)


def heat(arm: Running, _: subprocess.Popen[bytes]) -> None:
    arm.arm.set(temperature={"elbow_flex": 78})


def interrupt(_: Running, run: subprocess.Popen[bytes]) -> None:
    os.kill(run.pid, signal.SIGINT)


Trouble = Callable[[Running, "subprocess.Popen[bytes]"], None]


@pytest.mark.parametrize(
    ("surroundings", "trouble", "seconds"),
    [
        pytest.param("terminal", heat, HOLD_S + BACK_OFF_S + LET_DOWN_S, marks=pytest.mark.slow),
        ("terminal", interrupt, TO_REST_S),
        ("disk", heat, HOLD_S + BACK_OFF_S + LET_DOWN_S),
    ],
)
def test_torque_goes_in_time_whatever_becomes_of_terminal_and_disk(
    arm: Running, tmp_path: Path, surroundings: str, trouble: Trouble, seconds: float
) -> None:
    arm.arm.set(temperature={})
    disk = SlowDisk(tmp_path / "out", 2 * LATE, tmp_path)
    with ExitStack() as stack:
        screen: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if surroundings == "terminal":
            terminal = stack.enter_context(stalled_terminal())
            screen = dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
        run = subprocess.Popen(
            recording(arm, tmp_path), cwd=tmp_path, env=os.environ | disk.environment, **screen
        )
        stack.callback(run.wait)
        stack.callback(run.kill)
        until(lambda: torque(arm) == {1})
        if surroundings == "disk":
            disk.begin()
        time.sleep(1.0)  # something is printed and written meanwhile
        assert torque(arm) == {1}
        trouble(arm, run)
        assert takes(lambda: torque(arm) == {0}) < seconds + LATE
        if surroundings == "terminal":
            assert run.wait(PATIENCE_S) == (1 if trouble is heat else 128 + signal.SIGINT)
            assert reported(tmp_path, "run_ended") == 1


SIM = (
    *(sys.executable, "-m", "hil_app", "record", "--config_path=sim_pick_lift"),
    *("--dataset.num_episodes=1", "--output_dir=out"),
)


def head(*command: str, cwd: Path, characters: int = 1, **changes: str) -> tuple[int, str, str]:
    """What a command comes to whose reader goes after so many characters: status and outputs."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=os.environ | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    read = process.stdout.read(characters)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(PATIENCE_S), read, errors


def ended(folder: Path) -> str:
    summary: str = json.loads((folder / "out/summary.json").read_text())["ended"]
    return summary


def test_a_run_goes_on_when_its_reader_has_gone(tmp_path: Path) -> None:
    status, _, errors = head(*SIM, cwd=tmp_path, characters=5)
    assert (status, errors) == (0, "hil-app: goes on without printing: Broken pipe\n")
    assert ended(tmp_path) == "finished"
    shown = (sys.executable, "-m", "hil_app", "dataset", "info", "out", "--json")
    status, read, errors = head(*shown, cwd=tmp_path)
    assert (status in (0, 141), read, errors) == (True, "{", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("command", "status", "says"),
    [
        (SIM, 0, "hil-app: goes on without printing: No space left on device\n"),
        (
            (sys.executable, "-m", "hil_app", "config", "show"),
            1,
            "hil-app: cannot print: No space left on device\n",
        ),
    ],
)
def test_a_full_disk_behind_the_output_ends_only_what_is_there_to_be_printed(
    tmp_path: Path, command: tuple[str, ...], status: int, says: str
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
        )
    assert (done.returncode, done.stderr) == (status, says)
    assert command is not SIM or ended(tmp_path) == "finished"


def test_output_that_was_closed_leaves_its_number_to_no_other_file(tmp_path: Path) -> None:
    code = "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *SIM], cwd=tmp_path, stderr=subprocess.PIPE, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert ended(tmp_path) == "finished"


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param(
            {"PYTHONIOENCODING": "ascii", "COLUMNS": "0", "LINES": "0"}, marks=pytest.mark.slow
        ),
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "1"},
    ],
    ids=str,
)
def test_a_terminal_may_know_no_unicode_and_be_of_any_size(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        SIM, cwd=tmp_path, env=os.environ | environment, capture_output=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"run folder: out" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("presses", [2, 3])
def test_a_disk_that_stays_slow_at_the_end_is_waited_for_until_an_operator_has_had_enough(
    tmp_path: Path, presses: int
) -> None:
    disk = SlowDisk(tmp_path / "out", 5.0, tmp_path)
    command = [*SIM[:-2], "--dataset.num_episodes=100", "--output_dir=out", "--env.paced=true"]
    with ExitStack() as stack:
        run = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=os.environ | disk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        stack.callback(run.wait)
        stack.callback(run.kill)
        files = (tmp_path / "out").glob
        until(lambda: len([*files("dataset/data/*/*.parquet")]) > 1)  # so that the first is safe
        disk.begin()
        time.sleep(3.0)  # frames wait meanwhile
        for _ in range(presses):
            run.send_signal(signal.SIGINT)
            time.sleep(3.0)
        said, _ = run.communicate(timeout=PATIENCE_S)
    disk.end()
    assert run.returncode == 130
    assert "Traceback" not in said
    assert "frames are not yet safe on the disk; Ctrl-C" in said
    assert "none dropped" not in said
    assert "FRAMES ARE IN NO" in said
    reported_frames = re.search(r"recorder_ended: (\d+) of (\d+) frames are on the disk", said)
    assert reported_frames is not None
    root = tmp_path / "out/dataset"
    before = len(Dataset(root))
    assert 0 < int(reported_frames[1]) <= before < int(reported_frames[2])
    repair(root)
    assert before <= len(Dataset(root)) <= int(reported_frames[2])
    assert not repair(root).anything


def test_a_working_folder_that_is_gone_is_reported_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hil_app", "demo"],
        cwd=folder,
        preexec_fn=folder.rmdir,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = "hil-app: the working folder is gone: change to one that is there\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_signals_count_though_whoever_started_the_command_had_them_blocked(tmp_path: Path) -> None:
    asked = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP}
    run = subprocess.Popen(
        [sys.executable, "-m", "hil_app", "virtual-arm", "--world=none", f"--link={tmp_path}/arm"],
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, asked),
        stdout=subprocess.PIPE,
    )
    try:
        assert run.stdout is not None
        assert run.stdout.readline()
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=PATIENCE_S)
    finally:
        run.kill()
        run.wait()
