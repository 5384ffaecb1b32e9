"""The terminal as buttons, on pseudo-terminals."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from select import select
from typing import Any, Self

import pytest
from terminals import in_terminal
from waiting import PATIENCE_S

from teleop import keys
from teleop.base import NO_INPUT, Attentive, Remembering, TeleopSample
from teleop.keys import BUTTONS, Attended, KeyReader
from teleop.no_teleop import NoTeleop

LOCAL = 3


@dataclass
class Stdin:
    """A terminal that only this test types into."""

    operator: int
    program: int

    def fileno(self) -> int:
        return self.program

    def type(self, text: str) -> None:
        os.write(self.operator, text.encode())
        select([self.program], [], [], PATIENCE_S)
        time.sleep(0.02)

    @property
    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.program)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stdin]:
    """The program's standard input, as if the program were in front of it."""
    operator, program = pty.openpty()
    made = Stdin(operator, program)
    monkeypatch.setattr(sys, "stdin", made)
    monkeypatch.setattr(keys, "_in_front", lambda terminal: terminal == program)
    yield made
    for end in (operator, program):
        try:
            os.close(end)
        except OSError:
            assert end == operator  # a test hung up


@pytest.mark.parametrize(("key", "button"), BUTTONS.items())
def test_a_key_is_its_button_and_counts_once(stdin: Stdin, key: str, button: str) -> None:
    with KeyReader() as pressed:
        assert pressed.live
        stdin.type(key)
        assert pressed.pressed() == {button}
        assert pressed.pressed() == frozenset()
        stdin.type(key.upper())
        assert pressed.pressed() == {button}


def test_all_that_was_pressed_since_the_last_look_counts(stdin: Stdin) -> None:
    with KeyReader() as pressed:
        stdin.type("ssf f")
        assert pressed.pressed() == {"success", "failure", "emergency_stop"}


@pytest.mark.parametrize("text", ["x", "\x1b[A", "\x1b[1;5F", "\x1bOS", "é", "\x1b"])
def test_other_keys_do_nothing(stdin: Stdin, text: str) -> None:
    with KeyReader() as pressed:
        stdin.type(text)
        assert pressed.pressed() == frozenset()


@pytest.mark.parametrize("before", ["\x1b", "\x1b[A", "é", "x" * 300])
def test_nothing_hides_an_emergency_stop(stdin: Stdin, before: str) -> None:
    with KeyReader() as pressed:
        stdin.type(before + " ")
        assert "emergency_stop" in pressed.pressed()


@pytest.mark.usefixtures("stdin")
def test_looking_never_waits() -> None:
    with KeyReader() as pressed:
        start = time.perf_counter()
        for _ in range(2_000):
            pressed.pressed()
        assert time.perf_counter() - start < 20  # 10 ms each, on the busiest machine


def test_keys_act_at_once_and_unseen_and_the_terminal_is_as_before_afterwards(stdin: Stdin) -> None:
    before = stdin.modes
    with KeyReader():
        assert not stdin.modes[LOCAL] & (termios.ECHO | termios.ICANON)
        assert stdin.modes[LOCAL] & termios.ISIG  # Ctrl-C stays what it is
        assert not stdin.modes[0] & termios.IXON
    assert stdin.modes == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_terminal_is_as_before_on_every_way_out(
    stdin: Stdin, error: type[BaseException]
) -> None:
    before = stdin.modes
    with pytest.raises(error), KeyReader():
        raise error
    assert stdin.modes == before


def test_what_is_typed_before_and_after_is_thrown_away(stdin: Stdin) -> None:
    stdin.type("s \n")
    with KeyReader() as pressed:
        assert pressed.pressed() == frozenset()
        stdin.type("q")
    os.set_blocking(stdin.program, False)
    with pytest.raises(BlockingIOError):
        os.read(stdin.program, 10)


def test_modes_that_a_shell_put_back_meanwhile_are_set_again(stdin: Stdin) -> None:
    before = stdin.modes
    with KeyReader() as pressed:
        termios.tcsetattr(stdin.program, termios.TCSANOW, before)  # Ctrl-Z, then fg
        pressed.pressed()
        stdin.type("s")
        assert pressed.pressed() == {"success"}


def test_a_terminal_that_hangs_up_presses_nothing(stdin: Stdin) -> None:
    with KeyReader() as pressed:
        os.close(stdin.operator)
        for _ in range(3):
            assert pressed.pressed() == frozenset()
        assert not pressed.live


def test_without_a_terminal_no_key_is_ever_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe, os.fdopen(writing, "w") as operator:
        for stdin in (pipe, None):
            monkeypatch.setattr(sys, "stdin", stdin)
            with KeyReader() as pressed:
                print(" ", file=operator, flush=True)
                assert not pressed.live
                assert pressed.pressed() == frozenset()


BACKGROUND = """
    import os, signal, sys, time
    from teleop.keys import KeyReader

    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # as a shell does
    hears, tells = os.pipe()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.setpgid(0, 0)
        started_in_front = sys.argv[1] == "front"
        while started_in_front and os.tcgetpgrp(0) != os.getpgrp():
            time.sleep(0.01)
        with KeyReader() as keys:
            print(keys.live, flush=True)
            os.write(tells, b"!")
            while started_in_front and os.tcgetpgrp(0) == os.getpgrp():
                time.sleep(0.01)
            for _ in range(5):
                assert not keys.pressed()
                time.sleep(0.01)
        print("unstopped", flush=True)
        os._exit(0)
    if sys.argv[1] == "front":
        while os.getpgid(child) != child:
            time.sleep(0.01)
        os.tcsetpgrp(0, child)
        os.read(hears, 1)
        os.tcsetpgrp(0, os.getpgrp())
    _, status = os.waitpid(child, os.WUNTRACED)
    os.kill(child, signal.SIGKILL) if os.WIFSTOPPED(status) else None
    print(status)
"""


@pytest.mark.parametrize(("start", "live"), [("front", True), ("background", False)])
def test_a_program_in_the_background_leaves_the_terminal_alone_and_is_not_stopped(
    start: str, live: bool
) -> None:
    with in_terminal(sys.executable, "-c", textwrap.dedent(BACKGROUND), start) as terminal:
        output, errors = terminal.process.communicate(timeout=PATIENCE_S)
    assert (output.split(), errors) == ([str(live), "unstopped", "0"], "")


def test_the_keys_of_a_program_in_a_terminal_are_heard_and_a_kill_restores_it() -> None:
    code = """
        import signal, time
        from hil_app.control.signals import StopRequest
        from teleop.keys import KeyReader
        with StopRequest() as stop, KeyReader() as keys:
            print("ready", flush=True)
            while not stop():
                for name in keys.pressed():
                    print(name, flush=True)
                time.sleep(0.01)
    """
    with in_terminal(sys.executable, "-c", textwrap.dedent(code)) as terminal:
        before = terminal.modes
        out = terminal.process.stdout
        assert out is not None
        assert out.readline() == "ready\n"
        terminal.press(" ")
        assert out.readline() == "emergency_stop\n"
        assert terminal.modes != before
        terminal.process.send_signal(signal.SIGTERM)
        terminal.process.wait(timeout=PATIENCE_S)
        assert terminal.modes == before


def test_a_pipe_as_standard_input_is_left_to_others() -> None:
    code = "from teleop.keys import KeyReader\nwith KeyReader() as k: k.pressed()\nprint(input())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="all of it\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (done.stdout, done.stderr) == ("all of it\n", "")


@dataclass
class Pressed(KeyReader):
    """Keys that a test presses."""

    next: list[set[str]] = field(default_factory=list)

    def pressed(self) -> frozenset[str]:
        return frozenset(self.next.pop(0)) if self.next else frozenset()


class FakeTeleop:
    """Hands that note what is asked of them."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __enter__(self) -> Self:
        self.asked.append("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self.asked.append(error[0])

    def read(self) -> TeleopSample:
        self.asked.append("read")
        return TeleopSample(NO_INPUT.action, intervening=True)

    def idle(self) -> TeleopSample:
        self.asked.append("idle")
        return NO_INPUT

    def switch(self) -> None:
        self.asked.append("switch")

    def ask(self) -> None:
        self.asked.append("ask")

    def state(self) -> dict[str, Any]:
        return {"seen": 3}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.asked.append(state)


def test_what_is_pressed_is_added_to_what_the_teleop_do() -> None:
    attended = Attended(FakeTeleop(), Pressed([{"success"}, set(), {"rerecord", "stop"}]))
    samples = [attended.read() for _ in range(3)]
    assert [sample.success for sample in samples] == [True, False, False]
    assert [sample.rerecord for sample in samples] == [False, False, True]
    assert [sample.stop for sample in samples] == [False, False, True]
    assert all(sample.intervening for sample in samples)


def test_between_episodes_only_stops_count() -> None:
    pressed = Pressed([{"success", "failure", "rerecord", "switch"}, {"stop"}, {"emergency_stop"}])
    teleop = FakeTeleop()
    attended = Attended(teleop, pressed)
    samples = [attended.idle() for _ in range(3)]
    assert samples[0] == NO_INPUT
    assert (samples[1].stop, samples[2].emergency_stop) == (True, True)
    assert teleop.asked == ["idle", "idle"]
    assert not attended.read().success  # a tap between episodes is no verdict on the next


def test_an_emergency_stop_does_not_wait_for_the_teleop() -> None:
    teleop = FakeTeleop()
    sample = Attended(teleop, Pressed([{"emergency_stop", "switch", "success"}])).read()
    assert sample.emergency_stop
    assert teleop.asked == []


def test_switching_reaches_the_teleop_before_they_are_read_and_others_do_without() -> None:
    teleop = FakeTeleop()
    Attended(teleop, Pressed([{"switch"}])).read()
    assert teleop.asked == ["switch", "read"]
    assert Attended(NoTeleop(), Pressed([{"switch"}])).read() == NO_INPUT


def test_asking_for_a_take_over_reaches_the_teleop_and_others_do_without() -> None:
    teleop = FakeTeleop()
    attended = Attended(teleop, KeyReader())
    assert isinstance(attended, Attentive)
    attended.ask()
    assert teleop.asked == ["ask"]
    Attended(NoTeleop(), KeyReader()).ask()


def test_hands_open_close_and_remember_as_without_keys() -> None:
    teleop = FakeTeleop()
    with pytest.raises(ValueError, match="no"), Attended(teleop, KeyReader()) as attended:
        raise ValueError("no")
    assert isinstance(attended, Remembering)
    assert attended.state() == {"seen": 3}
    attended.load_state({"seen": 4})
    assert teleop.asked == ["enter", ValueError, {"seen": 4}]
    forgetful = Attended(NoTeleop(), KeyReader())
    forgetful.load_state(forgetful.state())


def test_the_hint_names_every_key() -> None:
    amid = {key: button for key, button in BUTTONS.items() if button != "ready"}
    for key, button in amid.items():
        name = "space" if key == " " else key
        assert f"{name} " in keys.hint(switched=True), button
    assert "t take" not in keys.hint(switched=False)
