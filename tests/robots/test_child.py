"""A process of ours: where it runs, how it ends, and what it said."""

from __future__ import annotations

from pathlib import Path

import pytest

from robots.child import Child

PATIENCE_S = 60.0


def test_it_runs_where_this_program_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a file that somebody names by a relative path is found."""
    monkeypatch.chdir(tmp_path)
    Path("in.json").write_text('{"arm": 101}')
    child = Child("json.tool", "--compact", "in.json", "out.json")
    assert child.status(PATIENCE_S) == 0
    assert Path("out.json").read_text().strip() == '{"arm":101}'
    assert child.last_words == ""
    assert child.end(0) == "status 0: no word of why"
    child.socket.close()


def test_it_says_why_it_has_ended(tmp_path: Path) -> None:
    child = Child("json.tool", str(tmp_path / "none.json"))
    assert child.status(PATIENCE_S) not in (None, 0)
    said = child.last_words
    assert "none.json" in said
    assert child.end(0) == f"status {child.status(0)}: {said}"
    child.socket.close()


def test_one_that_does_not_end_is_ended() -> None:
    child = Child("http.server", "--bind", "127.0.0.1", "0")
    assert child.status(0) is None
    assert child.end(0.1).startswith("status -15: ")
    child.socket.close()


def test_it_ends_by_itself_once_it_is_alone() -> None:
    child = Child("json.tool")  # which reads to the end of what it is told
    child.socket.sendall(b"{}")
    assert child.end(PATIENCE_S).startswith("status 0: ")
    child.socket.close()
