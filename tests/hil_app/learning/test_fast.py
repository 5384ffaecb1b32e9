"""The fast forms do what the plain ones do, and the plain ones stand in where torch lacks them."""

import re
from pathlib import Path

import pytest
import torch
from torch.optim import Adam

import hil_app.learning
from hil_app.learning.fast import foreach, plain

SHAPES = ((3, 4), (5,), ())
FORMS = {"fast": foreach, "plain": plain}
PRIVATE_CALL = re.compile(r"\btorch(?:\.\w+)*?\._(?!_)\w+")
PRIVATE = ("_norm", "_copy", "_lerp", "_adam")


def draw(seed, shapes=SHAPES):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.fixture(params=["here", "elsewhere"], autouse=True)
def torch_with_or_without(request, monkeypatch):
    """Torch as it is, or one that has none of the private calls."""
    if request.param == "elsewhere":
        for name in PRIVATE:
            monkeypatch.setattr(foreach, name, None)
    else:
        assert all(getattr(foreach, name) is not None for name in PRIVATE)


def test_the_norm_is_that_of_all_entries_together():
    tensors = draw(1)
    wanted = torch.cat([tensor.flatten() for tensor in tensors]).norm()
    for form in FORMS.values():
        torch.testing.assert_close(form.norm(tensors), wanted)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_the_largest_entry_tells_of_what_is_not_finite(bad):
    tensors = draw(2)
    wanted = [float(tensor.abs().max()) for tensor in tensors]
    tensors[1][3] = bad
    for form in FORMS.values():
        found = form.largest_entries(tensors)
        assert [found[0].item(), found[2].item()] == [wanted[0], wanted[2]]
        assert not found[1].isfinite()


def test_copies_and_moves_are_made_in_place():
    ends = draw(4)
    for form in FORMS.values():
        targets = draw(3)
        held = list(targets)
        form.interpolate(targets, ends, torch.tensor(0.25))
        for before, target, end in zip(draw(3), held, ends, strict=True):
            torch.testing.assert_close(target, 0.75 * before + 0.25 * end)
        form.copy(targets, ends)
        assert all(torch.equal(target, end) for target, end in zip(held, ends, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_adam_steps_as_torch_does_on_gradients_over_the_scale(form):
    own, theirs = draw(5), [torch.nn.Parameter(value) for value in draw(5)]
    moments = [[torch.zeros_like(value) for value in own] for _ in range(2)]
    reference, step = Adam(theirs, lr=0.1, foreach=False), torch.tensor(0.0)
    for number in range(3):
        gradients = draw(10 + number)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient / 4
        reference.step()
        step += 1
        FORMS[form].adam(
            own, gradients, *moments, step,
            lr=0.1, betas=(0.9, 0.999), eps=1e-8, scale=torch.tensor(4.0),
            skipped=torch.tensor(0.0),
        )  # fmt: skip
    for value, wanted in zip(own, theirs, strict=True):
        torch.testing.assert_close(value, wanted.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_skipped_step_of_adam_changes_nothing(form):
    own, moments = draw(6), [draw(7), [value.abs() for value in draw(8)]]
    FORMS[form].adam(
        own, [value * torch.nan for value in draw(9)], *moments, torch.tensor(4.0),
        lr=0.1, betas=(0.9, 0.999), eps=1e-8, scale=torch.tensor(1.0), skipped=torch.tensor(1.0),
    )  # fmt: skip
    for value, wanted in zip([*own, *moments[0]], [*draw(6), *draw(7)], strict=True):
        assert torch.equal(value, wanted)


def test_sac_learns_the_same_by_either_form(make_sac, make_batch, monkeypatch, weights_of):
    ours = make_sac(seed=3)
    stats = ours.update(iter([make_batch(seed=1)]))
    for name in PRIVATE:
        monkeypatch.setattr(foreach, name, None)
    theirs = make_sac(seed=3)
    plainly = theirs.update(iter([make_batch(seed=1)]))
    assert plainly.losses == pytest.approx(stats.losses, rel=1e-4)
    assert plainly.grad_norms == pytest.approx(stats.grad_norms, rel=1e-4)
    found, wanted = weights_of(theirs), weights_of(ours)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=2e-5)


def test_private_calls_of_torch_stand_in_the_wing_of_fast_forms_alone():
    room = Path(hil_app.learning.__file__).parents[1]
    found = {path: PRIVATE_CALL.findall(path.read_text()) for path in room.rglob("*.py")}
    having = {path.parent for path, calls in found.items() if calls}
    assert having == {Path(foreach.__file__).parent}
