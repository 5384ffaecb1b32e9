"""Ctrl-C, SIGTERM, a terminal that hangs up: the first asks, the second insists, then all is as
before."""

import os
import signal
import sys
import textwrap
import time

import pytest
from terminals import in_terminal
from waiting import PATIENCE_S, until

from hil_app.control.signals import StopRequest

SIGNALS = [signal.SIGINT, signal.SIGTERM]
ALL = [*SIGNALS, signal.SIGHUP]


@pytest.fixture(autouse=True)
def outer():
    """What reaches the handlers that were there before; they keep the tests alive."""
    reached = []
    before = {
        number: signal.signal(number, lambda n, _: reached.append(n))
        for number in StopRequest.HANDLED
    }
    yield reached
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_asks_for_a_stop(number, outer):
    with StopRequest() as stop:
        assert not stop()
        assert stop.signal is None
        send(number)
        until(stop)
        assert stop.signal == number
    assert outer == []


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", ALL)
def test_a_second_signal_insists(first, second):
    def insist():
        send(second)
        time.sleep(PATIENCE_S)  # the signal comes first

    with StopRequest() as stop:
        send(first)
        until(stop)
        with pytest.raises(KeyboardInterrupt):
            insist()
        assert stop.signal == first


def test_the_handlers_are_restored_even_after_an_error():
    before = [signal.getsignal(number) for number in ALL]
    with pytest.raises(KeyError), StopRequest():
        raise KeyError
    assert [signal.getsignal(number) for number in ALL] == before


@pytest.mark.parametrize("first", ALL)
def test_a_terminal_that_hangs_up_does_not_insist(first):
    with StopRequest() as stop:
        send(first)
        until(stop)
        send(signal.SIGHUP)
        time.sleep(0.05)
        assert stop.signal == first


def test_under_nohup_a_terminal_may_hang_up():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopRequest() as stop:
        send(signal.SIGHUP)
        time.sleep(0.05)
        assert not stop()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_program_whose_terminal_is_gone_ends_in_order_though_it_prints(tmp_path):
    code = """
        import os, sys, time
        from hil_app.control.signals import StopRequest
        told = os.dup(1)
        os.dup2(0, 1), os.dup2(0, 2)  # all of it in the terminal
        with StopRequest() as stop:
            os.write(told, b"ready\\n"), os.close(told)
            while not stop():
                time.sleep(0.01)
            for _ in range(1000):
                print("on the way to rest", flush=True)
        open("rested", "w").close()
    """
    with in_terminal(sys.executable, "-c", textwrap.dedent(code), cwd=tmp_path) as terminal:
        assert terminal.process.stdout.readline() == "ready\n"
        terminal.hang_up()
        terminal.process.communicate(timeout=PATIENCE_S)
        assert terminal.process.returncode == 0
    assert (tmp_path / "rested").exists()


def test_ctrl_z_ends_what_has_an_arm_and_stops_all_else():
    before = signal.getsignal(signal.SIGTSTP)
    with StopRequest() as stop:
        assert signal.getsignal(signal.SIGTSTP) == before
    with StopRequest(arm=True) as stop:
        signal.raise_signal(signal.SIGTSTP)
        assert stop()
        assert stop.signal == signal.SIGTSTP
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTSTP)
    assert signal.getsignal(signal.SIGTSTP) == before


def test_with_an_arm_no_terminal_stops_the_program_in_the_background():
    numbers = (signal.SIGTTIN, signal.SIGTTOU)
    before = [signal.getsignal(number) for number in numbers]
    with StopRequest():
        assert [signal.getsignal(number) for number in numbers] == before
    with StopRequest(arm=True) as stop:
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_IGN] * 2
        for number in numbers:
            send(number)
        assert not stop()
    assert [signal.getsignal(number) for number in numbers] == before
