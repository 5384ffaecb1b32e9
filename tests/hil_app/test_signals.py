"""Ctrl-C and SIGTERM: the first one asks, the second one insists, and then all is as before."""

import os
import signal
import time

import pytest
from sample_runs import until

from hil_app.signals import StopRequest

SIGNALS = [signal.SIGINT, signal.SIGTERM]


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


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_a_stop(number, outer):
    with StopRequest() as stop:
        assert not stop()
        assert stop.signal is None
        send(number)
        until(stop)
        assert stop.signal == number
    assert outer == []


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_insists(first, second):
    def insist():
        send(second)
        time.sleep(20)  # the signal comes first

    with StopRequest() as stop:
        send(first)
        until(stop)
        with pytest.raises(KeyboardInterrupt):
            insist()
        assert stop.signal == first


def test_the_handlers_are_restored_even_after_an_error():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyError), StopRequest():
        raise KeyError
    assert [signal.getsignal(number) for number in SIGNALS] == before
