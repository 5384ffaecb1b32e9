"""Linear layers by the fastest matrix product there is, with torch's own as the other way.

On processors with AVX-512 that are not Intel's, the library behind `torch.mm` runs at half the
speed of oneDNN, which torch has on board for its compiler. It is taken for products that are large
enough to be worth the call. Which one it is depends on shapes alone, so runs repeat bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

WORTHWHILE = 2_000_000
"""Multiplications from which oneDNN gains more than its call costs."""

_AVAILABLE = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
HAS_ONEDNN = _AVAILABLE and hasattr(torch.ops.mkldnn, "_linear_pointwise")

_library = torch.library.Library("hil_app", "DEF")  # type: ignore[no-untyped-call]
_library.define("product(Tensor x, Tensor weight) -> Tensor")  # type: ignore[no-untyped-call]


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (B, n) @ weight (m, n)^T + bias (m,) -> (B, m); any number of leading dimensions."""
    if not (x.ndim == 2 and _worthwhile(x, weight)):
        return F.linear(x, weight, bias)
    if torch.compiler.is_compiling():  # the bias is fused with what follows
        return _product(x, weight) + bias
    return _linear(x, weight, bias)


@contextmanager
def plain_products() -> Iterator[None]:
    """Torch's own product alone, for what other programs are to understand."""
    global HAS_ONEDNN
    before, HAS_ONEDNN = HAS_ONEDNN, False
    try:
        yield
    finally:
        HAS_ONEDNN = before


def _worthwhile(x: Tensor, weight: Tensor) -> bool:
    usable = HAS_ONEDNN and x.device.type == "cpu" and x.dtype == torch.float32
    return usable and x.shape[0] * weight.numel() >= WORTHWHILE


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


_library.impl("product", _onednn, "CPU")  # type: ignore[no-untyped-call]
_library.impl(  # type: ignore[no-untyped-call]
    "product", lambda x, weight: x.new_empty(len(x), len(weight)), "Meta"
)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (
            _onednn(grad, weight.t()) if wanted[0] else None,
            _onednn(grad.t(), x.t()) if wanted[1] else None,
            grad.sum(dim=0) if wanted[2] else None,
        )


class _Product(torch.autograd.Function):
    """The same as one opaque operation a product, which a compiler leaves alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        product: Tensor = torch.ops.hil_app.product(x, weight)
        return product

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        product = torch.ops.hil_app.product
        return (
            product(grad, weight.t()) if ctx.needs_input_grad[0] else None,
            product(grad.t(), x.t()) if ctx.needs_input_grad[1] else None,
        )


_linear: Callable[[Tensor, Tensor, Tensor], Tensor] = _Linear.apply
_product: Callable[[Tensor, Tensor], Tensor] = _Product.apply
