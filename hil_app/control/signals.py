"""A clean end on Ctrl-C, SIGTERM and a terminal that hangs up: the first asks, a second insists."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any, Self


class StopRequest:
    """While entered, SIGINT, SIGTERM and SIGHUP set ``signal`` and the loop ends at its next tick.

    A second signal raises KeyboardInterrupt, which ends the run at once but still closes
    everything in order. SIGHUP, which may come twice, never does; what is printed from then on
    goes nowhere, since the terminal is gone. It stays ignored under nohup. With an ``arm`` Ctrl-Z
    (SIGTSTP) asks as well: a program that is stopped would leave the arm alone; nor does its
    terminal stop it in the background. The operator at the controls may ask too: ``by_operator``,
    and that in an ``emergency``.
    """

    HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    _OF_TERMINALS = (signal.SIGTTIN, signal.SIGTTOU)  # that stop who is in the background

    def __init__(self, arm: bool = False) -> None:
        self._handled = (*self.HANDLED, signal.SIGTSTP) if arm else self.HANDLED
        self._ignored = self._OF_TERMINALS if arm else ()
        self.signal: int | None = None
        self.by_operator = self.emergency = False
        self._before: dict[int, Any] = {}
        self._screens: list[int] = []  # file descriptors of output that a terminal shows

    def __call__(self) -> bool:
        """Whether a stop was asked for."""
        return self.by_operator or self.signal is not None

    def __enter__(self) -> Self:
        self._screens = [output for output in (1, 2) if os.isatty(output)]
        for number in self._handled:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        for number in self._ignored:
            self._before[number] = signal.signal(number, signal.SIG_IGN)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signal calls it
        if number == signal.SIGHUP:
            self._print_nowhere()
        elif self.signal is not None:
            raise KeyboardInterrupt
        self.signal = self.signal or number

    def _print_nowhere(self) -> None:
        """Keep what still prints from failing, while the arm is brought to rest."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in self._screens:
            os.dup2(nowhere, output)
        os.close(nowhere)
