"""``python tests/help_lines.py`` prints how many lines the --help of each command has."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout, suppress

from hil_app.cli.commands import COMMANDS, PROGRAM, CliCommand


def help_of(command: CliCommand) -> list[str]:
    """The lines of a command's --help."""
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        command.run(["--help"])
    return printed.getvalue().splitlines()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    for one in (PROGRAM, *COMMANDS):
        print(f"{len(help_of(one)):3}  hil-app {one.name}")
