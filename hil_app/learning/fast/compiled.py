"""Compiling functions of tensors, with a cache on disk, where the machine can."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, ParamSpec, TypeVar, cast

import torch

from hil_app.support.caches import for_torch

P = ParamSpec("P")
R = TypeVar("R")


def compiled(method: Callable[P, R], device: torch.device) -> Callable[P, R]:
    """A bound method as torch.compile has it; its first call compiles, or loads what is on disk.

    Gradients may be taken inside it. The networks of its object must keep their layers. On a GPU
    it is recorded as a CUDA graph; that has never been run.
    """
    for_torch()
    import torch._dynamo  # seconds, and only where something is compiled

    options: dict[str, Any] = {"triton.cudagraphs": True} if device.type == "cuda" else {}
    if hasattr(torch.compiler, "skip_guard_on_all_nn_modules_unsafe"):
        # looking at every layer before every call takes longer than a small layer itself
        options["guard_filter_fn"] = torch.compiler.skip_guard_on_all_nn_modules_unsafe
    own = _with_code_of_its_own(method)
    function = torch.compile(own, fullgraph=True, dynamic=False, options=options)

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        torch._dynamo.config.trace_autograd_ops = True  # of this thread: each has its own
        return function(*args, **kwargs)

    return call


def _with_code_of_its_own(method: Callable[P, R]) -> Callable[P, R]:
    """Torch keeps what it compiled with the code, which all objects of a class share."""
    assert isinstance(method, MethodType)
    shared = method.__func__
    own = FunctionType(shared.__code__.replace(), shared.__globals__, shared.__name__)
    return cast("Callable[P, R]", MethodType(own, method.__self__))


def problem_of(run: Callable[[], object]) -> str | None:
    """Call `run`, which compiles; why that failed, in one line, or None if it did not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own, about itself
        try:
            run()
        except Exception as error:  # any stage of the compiler, each with errors of its own
            return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None
