"""What the page on our tasks in your code shows is Python that runs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from handbook import ROOT

from robots.base import RenderError

PAGE = (ROOT / "docs/your-own/gymnasium.md").read_text()


def test_its_code_runs() -> None:
    first, second, example = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert "docs/examples/sb3.py" in example  # which has a test of its own
    assert left_by(second)["executed"].shape == (4,)
    try:
        assert left_by(first)["observation"]["front"].shape == (64, 64, 3)
    except RenderError as error:
        pytest.skip(str(error))


def left_by(code: str) -> dict[str, Any]:
    """What a block leaves."""
    names: dict[str, Any] = {}
    exec(code, names)
    names["env"].close()
    return names
