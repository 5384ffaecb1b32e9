"""What becomes of the arm when the program that moves it is no more, or stands still."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from virtual_arms import Running, virtual_arm
from waiting import until

PROGRAM = """
import sys, time
from configs.robot import SO101Config
from robots.so100 import SO100Robot

def tell(event):
    print(event.name, event.message, flush=True)

with SO100Robot(SO101Config(port=sys.argv[1], **eval(sys.argv[2])), 30, tell) as arm:
    joints = arm.read().joints
    print("holds", flush=True)
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        arm.command(joints)
        time.sleep(1 / 30)
        arm.read()
"""
SHADOWS = (
    *("robots/__init__.py", "configs/__init__.py", "scservo_sdk.py", "numpy.py"),
    *("json.py", "serial.py", "socket.py", "signal.py", "sitecustomize.py"),
)
HEEDED = {
    *(signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD),
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT),
}


def torques(servos: Running) -> set[int]:
    return {motor["torque_enable"] for motor in servos.arm.report()["motors"].values()}


def goals(servos: Running) -> list[int]:
    return [motor["goal"] for motor in servos.arm.report()["motors"].values()]


def start(
    servos: Running, options: str, seconds: float, code: str = PROGRAM, *words: str
) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [sys.executable, "-P", "-c", code, servos.port, options, str(seconds), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    hear(program, "holds")
    return program


def hear(program: subprocess.Popen[str], word: str) -> str:
    """The line that begins with ``word``, which the program is to print."""
    out: IO[str] | None = program.stdout
    assert out is not None
    for line in out:
        if line.startswith(word):
            return line
    raise AssertionError(f"never said {word}: {program.communicate()[1]}")


def forked(program: subprocess.Popen[str]) -> list[int]:
    """The program's children that run its own code."""
    found = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
    code = Path(f"/proc/{program.pid}/cmdline").read_bytes()
    return [int(one) for one in found if Path(f"/proc/{one}/cmdline").read_bytes() == code]


def deadman(program: subprocess.Popen[str]) -> int | None:
    """The process that watches over the program's arm."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            words = (status.parent / "cmdline").read_text().split("\0")
        except OSError:
            continue  # it has ended
        if parent == program.pid and "robots.safety.deadman_process" in words:
            return int(status.parent.name)
    return None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGQUIT])
def test_the_arm_of_a_program_that_dies_is_let_down(number: signal.Signals) -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 60)
        assert torques(servos) == {1}
        os.kill(program.pid, number)
        until(lambda: torques(servos) == {0})
        _, errors = program.communicate(timeout=15)  # ends when the deadman has, too
        assert errors == f"hil-app has died: the arm on {servos.port} is let down\n"
        assert servos.arm.report()["violations"] == []


def test_a_deadman_that_can_open_nothing_more_lets_the_arm_down() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 60)
        watching = deadman(program)
        assert watching is not None
        resource.prlimit(watching, resource.RLIMIT_NOFILE, (3, 3))
        os.kill(program.pid, signal.SIGKILL)
        until(lambda: torques(servos) == {0})
        _, errors = program.communicate(timeout=15)
        assert errors == f"hil-app has died: the arm on {servos.port} is let down\n"


def test_what_the_program_has_forked_does_not_keep_the_deadman_waiting() -> None:
    """It has the socket, too, and lives on."""
    child = "if os.fork() == 0:\n        time.sleep(60)\n        os._exit(0)"
    forks = PROGRAM.replace("joints = arm", f"{child}\n    joints = arm")
    with virtual_arm() as servos:
        program = start(servos, "{'safety': {'deadman_s': 60}}", 60, "import os\n" + forks)
        [child] = forked(program)
        try:
            os.kill(program.pid, signal.SIGKILL)
            until(lambda: torques(servos) == {0})
        finally:
            os.kill(child, signal.SIGKILL)
        program.communicate(timeout=15)


def test_a_program_that_leaves_by_the_back_door_has_both_its_arms_let_down() -> None:
    two = PROGRAM.replace(
        " as arm:", " as arm, SO100Robot(SO101Config(port=sys.argv[4]), 30, tell):"
    ).replace("    joints =", "    threading.Timer(1, os._exit, [0]).start()\n    joints =")
    with virtual_arm() as servos, virtual_arm() as others:
        program = start(servos, "{}", 60, "import os, threading\n" + two, others.port)
        _, errors = program.communicate(timeout=30)
        assert torques(servos) == torques(others) == {0}
        for port in (servos.port, others.port):
            assert f"hil-app has died: the arm on {port} is let down\n" in errors


def test_an_arm_that_is_let_down_in_order_is_not_taken_for_one_whose_program_stands_still() -> None:
    safety = "{'deadman_s': 1, 'let_down_s': 0.9}"
    with virtual_arm() as servos:
        program = start(servos, f"{{'safety': {safety}, 'rest_pose': None}}", 0)
        _, errors = program.communicate(timeout=30)
        assert (program.returncode, errors) == (0, "")
        assert torques(servos) == {0}


def test_a_program_that_ends_well_leaves_no_deadman_and_no_word() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 0)
        _, errors = program.communicate(timeout=30)
        assert (program.returncode, errors) == (0, "")
        assert torques(servos) == {0}


def test_torque_that_is_to_stay_on_stays_on() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{'disable_torque_on_disconnect': False}", 60)
        assert deadman(program) is None
        os.kill(program.pid, signal.SIGKILL)
        program.communicate(timeout=15)
        time.sleep(0.5)
        assert torques(servos) == {1}


@pytest.mark.parametrize("meanwhile", [0, signal.SIGINT])
def test_a_program_that_is_stopped_has_its_arm_let_down_and_ends_when_it_goes_on(
    meanwhile: int,
) -> None:
    with virtual_arm() as servos:
        program = start(servos, "{'safety': {'deadman_s': 1, 'let_down_s': 0.9}}", 60)
        os.kill(program.pid, signal.SIGSTOP)
        until(lambda: torques(servos) == {0})
        before = goals(servos)
        os.kill(program.pid, meanwhile)
        os.kill(program.pid, signal.SIGCONT)
        said, errors = program.communicate(timeout=30)
        assert torques(servos) == {0}
        assert goals(servos) == before  # nothing moves it any more
        assert program.returncode in {1, -meanwhile or 1}
        assert "released" in said
        assert f"hil-app stands still: the arm on {servos.port} is let down" in errors
        last = errors.strip().splitlines()[-1]
        assert meanwhile or "program stood still" in last or "for 0.9 s, so it was" in last


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_deadman_that_is_gone_or_hangs_is_reported_and_replaced(number: signal.Signals) -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 60)
        first = deadman(program)
        assert first is not None
        os.kill(first, number)
        lost = hear(program, "deadman_lost")
        assert ("ended" if number == signal.SIGKILL else "has not answered") in lost
        hear(program, "deadman_back")
        assert deadman(program) not in (first, None)
        os.kill(program.pid, signal.SIGKILL)
        until(lambda: torques(servos) == {0})
        program.communicate(timeout=15)


@pytest.mark.parametrize("where", ["cwd", "PYTHONPATH", "PYTHONHOME"])
def test_nothing_that_lies_about_is_taken_for_the_deadman(tmp_path: Path, where: str) -> None:
    for name in SHADOWS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('shadowed')")
    program = PROGRAM.replace(
        "with SO100Robot", f"os.environ['{where}'] = {str(tmp_path)!r}\nwith SO100Robot"
    )
    with virtual_arm() as servos:
        command = [sys.executable, "-P", "-c", "import os\n" + program, servos.port, "{}", "60"]
        pipe = subprocess.PIPE
        run = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path)
        hear(run, "holds")
        os.kill(run.pid, signal.SIGKILL)
        until(lambda: torques(servos) == {0})
        run.communicate(timeout=15)


def test_without_a_deadman_no_torque_comes_on() -> None:
    broken = (
        "import robots.isolated\nrobots.isolated.command = lambda *_: ['/nonexistent/python']\n"
    )
    with virtual_arm() as servos:
        command = [sys.executable, "-P", "-c", broken + PROGRAM, servos.port, "{}", "60"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert "does not start (" in done.stderr.splitlines()[-1]
        assert "the arm stays without torque" in done.stderr.splitlines()[-1]
        assert torques(servos) == {0}


def test_what_stops_or_ends_the_program_leaves_the_deadman_alone() -> None:
    with virtual_arm() as servos:
        program = start(servos, "{}", 60)
        watcher = deadman(program)
        assert watcher is not None
        for number in signal.valid_signals() - HEEDED:
            os.kill(watcher, number)
        assert os.getpgid(watcher) == os.getsid(watcher) == watcher
        os.kill(program.pid, signal.SIGKILL)
        until(lambda: torques(servos) == {0})
        program.communicate(timeout=15)
