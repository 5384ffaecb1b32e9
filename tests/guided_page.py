"""A guided command that was started from the page, answered as a browser does."""

from __future__ import annotations

import re
import time
from typing import Any

from asgi_client import Client
from waiting import until

_KINDS = ("say", "line", "problem", "head")


class Operator:
    """Who has started the command of a form in a browser, and answers what it asks."""

    def __init__(self, browser: Client, form: str, **given: Any) -> None:
        self._browser, self._asked = browser, 0
        self._text, self._seen = "", 0  # of what it has said and asked
        self._count, self._question = 0, 0  # how much of both is in there
        answer = browser.post("/api/started", {"form": form, **given})
        assert answer.status == 200, answer.text

    @property
    def state(self) -> Any:
        return self._browser.get("/api/started").json()

    @property
    def said(self) -> str:
        """All that it has said, asked and found wrong, in lines."""
        return "".join(map(_line, self.state["said"]))

    def until_asked(self, text: str = "") -> dict[str, Any]:
        """The question that has this in it, once it is asked."""

        def asked() -> Any:
            state = self.state
            assert state["going_on"], self.said
            question = state["question"]
            return question if question and question["number"] > self._asked else None

        question: dict[str, Any] = until(asked)
        assert text in question["text"], self.said
        return question

    def answer(self, text: str, with_: str = "") -> None:
        """Answer the question that has this in it."""
        number = self.until_asked(text)["number"]
        assert self.answers(number, with_) == 200
        self._asked = number

    def answers(self, number: int, text: str = "") -> int:
        """The status of an answer."""
        return self._browser.post("/api/started/answer", {"number": number, "text": text}).status

    def stop(self) -> None:
        assert self._browser.post("/api/started/stop").status == 200

    def end(self) -> int:
        """The status with which it ends."""
        status = until(
            lambda: (state := self.state) and not state["going_on"] and (state["status"],)
        )
        assert status
        return int(status[0])

    def until(self, text: str) -> str:
        """Wait until it says or asks ``text``, after what was waited for before."""
        pattern = re.compile(r"\s+".join(map(re.escape, text.split())))

        def found() -> re.Match[str] | None:
            going_on = self._listen()
            match = pattern.search(self._text, self._seen)
            assert match or going_on, f"never said {text!r}, but:\n{self._text[self._seen :]}"
            return match

        match = until(found, why=f"never said {text!r}")
        assert match
        before, self._seen = self._seen, match.end()
        return self._text[before : self._seen]

    def listen(self, seconds: float) -> None:
        """Let it go on for a while."""
        time.sleep(seconds)

    def enter(self, answer: str = "") -> None:
        """Give an ``answer``; Enter alone presses the first button."""
        choices = self.until_asked()["choices"]
        self.answer("", answer or (choices[0] if choices else ""))

    def _listen(self) -> bool:
        """Take in what is new; whether it goes on."""
        state = self._browser.get(f"/api/started?seen={self._count}").json()
        new = [one for one in state["said"] if "ask" not in one]  # which was taken in as asked
        self._text += "".join(map(_line, new))
        self._count = state["count"]
        question = state["question"]
        if question and question["number"] > self._question:
            self._text += f"> {question['text']}\n"
            self._question = question["number"]
        return bool(state["going_on"])


def _line(said: dict[str, Any]) -> str:
    """What was said, on a line; a table has one for each row."""
    if "table" in said:
        rows = [" ".join(cell[0] for cell in row) for row in said["table"]["rows"]]
        return "".join(f"{row}\n" for row in rows)
    if "finding" in said:
        return f"{said['finding']['fact']}\n"
    if "ask" in said:
        return f"{said['ask']} {said['answer']}\n"
    return "".join(f"{said[kind]}\n" for kind in _KINDS if kind in said)
