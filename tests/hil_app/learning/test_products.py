"""Large products by oneDNN are those of torch, gradients included."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from hil_app.learning.fast import products
from hil_app.learning.networks.mlp import Dense, Tanh

LARGE, SMALL = (256, 130, 256), (4, 130, 256)  # rows, inputs, outputs


def _tensors(rows, inputs, outputs):
    draw = torch.Generator().manual_seed(0)
    shapes = (rows, inputs), (outputs, inputs), (outputs,), (rows, outputs)
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("size", [LARGE, SMALL])
def test_values_and_gradients_are_those_of_torch(size, transposed):
    x, weight, bias, upstream = _tensors(*size)
    if transposed:
        weight = weight.detach().t().contiguous().t().requires_grad_()
    found, expected = products.linear(x, weight, bias), F.linear(x, weight, bias)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    gradients = [torch.autograd.grad(y, (x, weight, bias), upstream) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_only_the_gradients_that_are_wanted_are_made(monkeypatch):
    if not products.HAS_ONEDNN:
        pytest.skip("this torch has no oneDNN")
    calls, genuine = [], products._onednn
    monkeypatch.setattr(products, "_onednn", lambda *a: calls.append(a) or genuine(*a))
    x, weight, bias, upstream = _tensors(*LARGE)
    torch.autograd.grad(products.linear(x.detach(), weight, bias), (weight, bias), upstream)
    assert len(calls) == 2  # forward and the weight's, but not the input's
    torch.autograd.grad(products.linear(x, weight.detach(), bias.detach()), x, upstream)
    assert len(calls) == 4


def test_without_onednn_torchs_own_product_is_taken(monkeypatch):
    monkeypatch.setattr(products, "HAS_ONEDNN", False)
    x, weight, bias, _ = _tensors(*LARGE)
    assert torch.equal(products.linear(x, weight, bias), F.linear(x, weight, bias))


def test_any_number_of_leading_dimensions():
    layer = Dense(130, 256, torch.Generator().manual_seed(0))
    x = torch.randn(130)
    assert layer(x).shape == (256,)
    torch.testing.assert_close(layer(x.expand(2, 300, 130))[1, 7], layer(x), rtol=1e-5, atol=1e-5)


def test_the_fast_tanh_is_tanh():
    x = torch.cat((torch.linspace(-12, 12, 10_001), torch.tensor([-1e4, 1e4]))).requires_grad_()
    found, expected = Tanh()(x), x.tanh()
    assert (found - expected).abs().max() < 3e-7
    gradients_of = [torch.autograd.grad(y.sum(), x)[0] for y in (found, expected)]
    assert (gradients_of[0] - gradients_of[1]).abs().max() < 1e-6
