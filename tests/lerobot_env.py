"""lerobot 0.4.4 in an environment of its own, which reads and writes datasets for tests.

Nothing of it is installed beside hil-app: both want other versions of the same packages. What is
not as its authors have it:

- torch is the version that hil-app is tested with, newer than lerobot allows (< 2.11): its wheels
  are on this machine already, or come without another build of CUDA.
- torchvision is a stand-in of a few lines (``lerobot_side/shims``): its wheels fit one build of
  torch each. Videos are read with PyAV, as lerobot itself does where torchcodec cannot be had. ACT
  and SAC get torchvision itself, without the compiled operations that they never use.
- What datasets, training ACT and acting by SAC never import is left out (wandb, rerun, gymnasium,
  OpenCV, …): lerobot is installed without its dependencies, and NEEDED is named here.
- It is told to stay off the hub, so that whatever would go there fails.

lerobot's own code is not touched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

SIDE = Path(__file__).parent / "lerobot_side"
CONSTRAINTS = SIDE / "constraints.txt"
LEROBOT = "lerobot==0.4.4"
TORCHVISION = "torchvision==0.28.0"  # that of the constraints' torch
NEEDED = (
    "torch accelerate av datasets deepdiff diffusers draccus einops huggingface-hub imageio "
    "jsonlines packaging pillow pyserial termcolor"
)
KEPT_IN = "HIL_APP_LEROBOT_VENV"  # a folder to keep the environment in, for the next time

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Seen:
    """What lerobot read from a dataset; see ``lerobot_side/read.py``."""

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "facts.json").read_text()))

    def __getitem__(self, part: str) -> Arrays:
        return np.load(self.folder / f"{part}.npz")


@dataclass(frozen=True)
class LeRobot:
    """The other environment; ``work`` is a folder for what it reads and writes."""

    venv: Path
    work: Path

    @property
    def datasets(self) -> Path:
        """Where its tools look for datasets, by name."""
        return self.work / "datasets"

    def read(self, root: Path, *state_keys: str) -> Seen:
        out = self.work / f"seen-{len(list(self.work.glob('seen-*')))}"
        self._python("read.py", root, out, *state_keys)
        return Seen(out)

    def write(self, columns: Arrays, root: Path, fps: int) -> None:
        source = self.work / f"{root.name}.npz"
        np.savez(source, **columns)
        self._python("write.py", source, root, fps)

    def train_act(self, root: Path, steps: int) -> dict[str, Any]:
        """What came of it; see ``lerobot_side/act.py``."""
        out = self.work / f"{root.name}-act.json"
        self._python("act.py", root, out, steps, shims=False)
        return dict(json.loads(out.read_text()))

    def act_sac(self, folder: Path, observations: Arrays) -> dict[str, Any]:
        """What its SACPolicy does at observations; see ``lerobot_side/sac.py``."""
        seen, out = self.work / f"{folder.name}-seen.npz", self.work / f"{folder.name}-sac.json"
        np.savez(seen, **observations)
        self._python("sac.py", folder, seen, out, shims=False)
        return dict(json.loads(out.read_text()))

    def edit(self, *arguments: str) -> None:
        """Run ``lerobot-edit-dataset``."""
        self._run(self.venv / "bin" / "lerobot-edit-dataset", *arguments)

    def _python(self, script: str, *arguments: object, shims: bool = True) -> None:
        self._run(self.venv / "bin" / "python", SIDE / script, *arguments, shims=shims)

    def _run(self, *command: object, shims: bool = True) -> None:
        ours = {
            "PYTHONPATH": str(SIDE / "shims") if shims else "",
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(self.work / "cache"),
            "HF_LEROBOT_HOME": str(self.datasets),
        }
        done = subprocess.run(
            [str(part) for part in command],
            env=os.environ | ours,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command} failed:\n{done.stderr[-4000:]}"


def environment(temporary: Path) -> Path:
    """Build lerobot's environment, or take the one that is kept; skips if PyPI is out of reach."""
    kept = os.environ.get(KEPT_IN)
    venv = Path(kept).absolute() if kept else temporary / "venv"
    stamp = venv / "built-from.txt"
    if stamp.is_file() and stamp.read_text() == _recipe():
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    _install(venv, "-c", str(CONSTRAINTS), *NEEDED.split())
    _install(venv, "--no-deps", LEROBOT, TORCHVISION)
    stamp.write_text(_recipe())
    return venv


def _recipe() -> str:
    return "\n".join((LEROBOT, TORCHVISION, NEEDED, CONSTRAINTS.read_text()))


def _install(venv: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    done = subprocess.run(
        [*pip, "--quiet", *what], capture_output=True, text=True, timeout=1500, check=False
    )
    if "connection broken by" in done.stderr:
        pytest.skip("PyPI cannot be reached, and lerobot's environment is built from it")
    assert done.returncode == 0, done.stderr[-4000:]
