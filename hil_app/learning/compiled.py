"""Compiling functions of tensors, with a cache on disk, where the machine can."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

CACHE = "TORCHINDUCTOR_CACHE_DIR"


def compiled(function: Callable[P, R], device: torch.device) -> Callable[P, R]:
    """`function` as torch.compile has it; the first call compiles, or loads what is on disk.

    On a GPU it is recorded as a CUDA graph (mode `reduce-overhead`), on which no test has run.
    """
    os.environ.setdefault(CACHE, str(_cache_folder()))
    mode = "reduce-overhead" if device.type == "cuda" else None
    return torch.compile(function, fullgraph=True, dynamic=False, mode=mode)


def problem_of(run: Callable[[], object]) -> str | None:
    """Call `run`, which compiles; why that failed, in one line, or None if it did not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own, about itself
        try:
            run()
        except Exception as error:  # any stage of the compiler, each with errors of its own
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "hil-app" / "compiled"
