"""A command of ours that the page has started: the real one, in a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hil_app.page.home.api import Busy
from hil_app.setup.told import BY_PAGE, heard
from robots import isolated

_MOST_LINES = 500  # that are kept, the newest
_LONGEST_LINE = 4000  # characters of one that are kept
_LINK = "page: "
_END_S = 180.0  # that a run may take to end in order: to encode what was recorded, too
_AT_ONCE_S = 60.0  # the same once somebody insists
_LAST_S = 0.5  # for its last words


class Started:
    """``hil-app WORDS`` under way, and what it has said; a Ctrl-C of our terminal is not for it.

    What a guided command asks is answered by :meth:`answer`.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.began = time.time()
        self.link: str | None = None  # to the page of its own
        self._said = deque[dict[str, Any]](maxlen=_MOST_LINES)
        self._count = 0  # of all that it has said
        self._look: dict[str, Any] | None = None
        self._question: dict[str, Any] | None = None
        self._questions = 0
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            isolated.command("hil_app", *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**isolated.environment(), BY_PAGE: "1"},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=words[0], daemon=True)
        self._reader.start()

    @property
    def line(self) -> str:
        """What to type for the same."""
        return self.line_of(self.words)

    @staticmethod
    def line_of(words: Sequence[str]) -> str:
        """What to type to start ``words``."""
        return shlex.join(["hil-app", *words])

    @property
    def going_on(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def state(self, seen: int = 0) -> dict[str, Any]:
        """All there is to know, and what it has said after the first ``seen`` things."""
        if not self.going_on:
            self._reader.join(_LAST_S)
        with self._lock:
            new = min(len(self._said), max(0, self._count - seen))
            said = [*self._said][len(self._said) - new :]
            return {
                "command": self.line,
                "name": self.words[0],
                "began": self.began,
                "going_on": self.going_on,
                "status": self._process.poll(),
                "link": self.link,
                "said": said,
                "count": self._count,
                "look": self._look,
                "question": self._question,
            }

    def answer(self, number: int, text: str) -> None:
        """Answer the question with this number; Busy if it is not asked any more."""
        with self._lock:
            question = self._question
            if question is None or question["number"] != number or not self.going_on:
                raise Busy("this is not asked any more")
            self._question = None
            self._remember({"ask": question["text"], "answer": text or "Enter"})
            assert self._process.stdin is not None
            with suppress(OSError):  # it has just ended
                self._process.stdin.write(text.encode() + b"\n")
                self._process.stdin.flush()

    def interrupt(self) -> None:
        """Have it end as by Ctrl-C; a second time it ends at once."""
        self._send(signal.SIGINT)

    def end(self) -> None:
        """Have it end in order, and wait for that; a KeyboardInterrupt meanwhile insists.

        What has not ended long after is killed.
        """
        self._send(signal.SIGTERM)
        try:
            self._wait(_END_S)
        except KeyboardInterrupt:
            self._send(signal.SIGTERM)
            self._wait(_AT_ONCE_S)
        finally:
            self._send(signal.SIGKILL)
            self._process.wait()
            self._reader.join(_LAST_S)

    def _wait(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def _read(self) -> None:
        """Take in what it prints, in a thread, until it has ended."""
        keys, output = self._process.stdin, self._process.stdout
        assert keys is not None
        assert output is not None
        with output:
            for line in output:
                text = line.decode(errors="replace").rstrip()[:_LONGEST_LINE]
                with self._lock:
                    self._take(text)
        with self._lock, suppress(OSError):
            self._look = self._question = None
            keys.close()

    def _take(self, text: str) -> None:
        match heard(text):
            case None if text.startswith(_LINK):
                self.link = text.removeprefix(_LINK)
            case None:
                self._remember({"line": text})
            case {"ask": str(question), "choices": list(choices)}:
                self._questions += 1
                number = self._questions
                self._question = {"number": number, "text": question, "choices": choices}
            case {"look": look}:
                self._look = look
            case message:
                self._remember(message)

    def _remember(self, message: dict[str, Any]) -> None:
        self._said.append(message)
        self._count += 1
