"""Certificates for TLS, made as the handbook says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)
_PAGE = Path(__file__).parents[1] / "docs" / "machines.md"


def certified(folder: Path, address: str, authority: Path | None) -> dict[str, str]:
    """Do what the handbook says on a computer; returns what it says to put in the environment."""
    words = _PAGE.read_text().partition("### Encrypt it")[2].partition("\n### ")[0]
    first, each, exported = re.findall(r"```bash\n(.*?)```", words, re.DOTALL)
    script = f"cd {folder}\n{first if authority is None else ''}"
    if authority is not None:
        for name in ("ca.crt", "ca.key"):
            shutil.copy(authority / name, folder)
    script += each.replace("192.168.1.20", address) + exported.replace("~/.ray", str(folder))
    done = subprocess.run(
        ["bash", "-ec", f"{script}\nenv"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    named = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {name: value for name, value in named.items() if "TLS" in name}
