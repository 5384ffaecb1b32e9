"""Write the handbook's reference: every command, option and preset, and the notebook as a page.

`make docs` runs this before mkdocs. It asks the table of commands and the config models, so what it
writes into docs/reference/ is true by construction, and not committed.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from configs.load import presets
from docs.tools.options import option_page
from hil_app.cli.commands import COMMANDS, CliCommand

DOCS = Path(__file__).parents[1]
NOTEBOOK = DOCS / "notebooks" / "pendulum.ipynb"


def command_page() -> Iterator[str]:
    """What `--help` prints of each command, in the order of the table."""
    yield "# Commands\n"
    yield "What `hil-app COMMAND --help` prints; [Options](options.md) has the configuration's.\n"
    for command in COMMANDS:
        yield f"## hil-app {command.name}\n"
        yield f"{command.summary[0].upper()}{command.summary[1:]}.\n"
        yield f"```text\n{_help(command)}\n```\n"


def _help(command: CliCommand) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        command.run(["--help"])
    return printed.getvalue().strip()


def preset_page() -> Iterator[str]:
    """The text of every preset."""
    yield "# Presets\n"
    yield "`--config_path NAME` takes one; what it does not say is as [Options](options.md) has it."
    yield "`hil-app config show --config_path NAME` prints all that it comes to.\n"
    for name in presets():
        text = resources.files("configs.presets").joinpath(f"{name}.yaml").read_text()
        yield f"## {name}\n\n```yaml\n{text.strip()}\n```\n"


def notebook_page(images: Path) -> Iterator[str]:
    """The notebook's cells with what they printed and drew; drawings go into ``images``."""
    for count, cell in enumerate(json.loads(NOTEBOOK.read_text())["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield f"{source}\n"
            continue
        yield f"```python\n{source}\n```\n"
        printed = "".join("".join(output.get("text", [])) for output in cell["outputs"])
        if printed:
            yield f"```text\n{printed.rstrip()}\n```\n"
        for output in cell["outputs"]:
            if drawn := output.get("data", {}).get("image/png"):
                name = f"pendulum_{count}.png"
                (images / name).write_bytes(base64.b64decode(drawn))
                yield f"![What the cell draws]({name})\n"


def main(folder: Path = DOCS / "reference") -> None:
    """Write all pages into ``folder``."""
    os.environ["COLUMNS"] = "80"
    folder.mkdir(exist_ok=True)
    pages = {
        "commands": command_page(),
        "options": option_page(),
        "presets": preset_page(),
        "pendulum": notebook_page(folder),
    }
    for name, lines in pages.items():
        (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
