"""The README's example of the learning package is what it says: it runs, and it learns."""

import re
from pathlib import Path

README = Path(__file__).parents[3] / "README.md"


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "loss_critic" in printed
    assert "loss_discrete_critic" in printed
