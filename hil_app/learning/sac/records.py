"""What the steps of an update came to, read from the device once, at its end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hil_app.learning.algorithm import TrainingStats
from hil_app.learning.buffer.batch import Batch
from hil_app.learning.fast import foreach
from hil_app.learning.sac.optimizers import StepOutcome


class StepRecord(NamedTuple):
    """One step: its optimisers, its outcome, and what else it has to report.

    One without fields goes on with the batch of the step before it, and is skipped with it.
    """

    names: tuple[str, ...]
    outcome: StepOutcome
    extra: dict[str, Tensor]  # scalars
    fields: tuple[str, ...]  # of the batch
    max_abs: Tensor  # (len(fields),) largest absolute entry of each


def max_abs(batch: Batch) -> tuple[tuple[str, ...], Tensor]:
    """Names of a batch's real-valued fields, and the largest absolute entry (k,) of each.

    A maximum is not finite exactly if an entry is not, so one number speaks for a field.
    """
    named = {name: t for name, t in _fields(batch) if t.is_floating_point()}
    return tuple(named), foreach.largest_entries(list(named.values()))


def _fields(batch: Batch) -> Iterator[tuple[str, Tensor]]:
    for name in ("action", "reward", "done", "truncated"):
        yield name, batch[name]
    for group in ("state", "next_state", "complementary_info"):
        for key, value in batch[group].items():
            yield f"{group}.{key}", value


class UpdateSummary(NamedTuple):
    """An update as numbers of the host."""

    stats: TrainingStats  # means over the steps that were not skipped
    causes: list[str]  # of the steps that were skipped, but for those that only followed one


def summarise(records: Sequence[StepRecord]) -> UpdateSummary:
    """Read every record, in one transfer from the device."""
    numbers = iter(torch.cat([_flat(record) for record in records]).tolist())
    collected: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    causes, skipped = [], False
    for record in records:
        values = {key: next(numbers) for key in _keys(record)}
        if values["skipped", ""]:
            if record.fields or not skipped:
                causes.append(_cause(values))
            skipped = True
            continue
        skipped = False
        for key, value in values.items():
            collected[key].append(value)
    means = {key: sum(values) / len(values) for key, values in collected.items()}
    loss, norm, extra = (
        {name: mean for (kind, name), mean in means.items() if kind == wanted}
        for wanted in ("loss", "gradient", "extra")
    )
    losses = {f"loss_{name}": value for name, value in loss.items()}
    return UpdateSummary(TrainingStats(losses, norm, extra), causes)


def _flat(record: StepRecord) -> Tensor:
    outcome = record.outcome
    parts = [record.max_abs, outcome.losses, outcome.norms, outcome.skipped.reshape(1)]
    return torch.cat([*parts, *(value.detach().reshape(1) for value in record.extra.values())])


def _keys(record: StepRecord) -> list[tuple[str, str]]:
    """The kind and name of every number of `_flat`, in its order."""
    return [
        *(("batch entry", field) for field in record.fields),
        *(("loss", name) for name in record.names),
        *(("gradient", name) for name in record.names),
        ("skipped", ""),
        *(("extra", name) for name in record.extra),
    ]


def _cause(values: dict[tuple[str, str], float]) -> str:
    """The first thing that was not finite, in the order of the computation."""
    wrong = (f"{kind} {name}" for (kind, name), value in values.items() if not math.isfinite(value))
    return next(wrong)
