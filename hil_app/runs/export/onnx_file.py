"""A policy as an ONNX file, which onnxruntime and others run without torch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from configs.errors import ConfigError
from configs.names import ACTION
from configs.text.writing import write_whole
from hil_app.learning.fast.products import plain_products
from hil_app.learning.networks.actor import GaussianActorPolicy
from hil_app.runs.export.acting import DeterministicPolicy, Difference, Recorded
from hil_app.support.extras import how_to_install
from robots.base import F32

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def check_installed() -> None:
    """ConfigError unless an ONNX file can be written and run here."""
    for package in _PACKAGES:
        try:
            import_module(package)
        except ImportError as error:
            raise ConfigError(
                f"--onnx: {package} is not installed: run {how_to_install('onnx')}"
            ) from error


def export_onnx(
    policy: GaussianActorPolicy, recorded: Recorded, facts: Mapping[str, Any], path: Path
) -> Difference:
    """Write the policy's deterministic action to ``path``, and the ``facts`` about it as JSON.

    An input for each observation, batch first, in its own unit; the output is "action". Returns how
    far onnxruntime's actions are from ours at what is ``recorded``; ExportError, with nothing
    written, if that is more than rounding.
    """
    content = _converted(policy, facts)
    found = recorded.difference(policy, _run(content, policy, recorded))
    found.check()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return found


def _converted(policy: GaussianActorPolicy, facts: Mapping[str, Any]) -> bytes:
    keys = list(policy.config.observation_keys)
    batch = torch.export.Dim("batch", min=1)
    with plain_products(), _quiet():
        program = torch.onnx.export(
            DeterministicPolicy(policy).eval(),
            tuple(_example(policy, key) for key in keys),
            dynamo=True,
            verbose=False,
            input_names=keys,
            output_names=[ACTION],
            dynamic_shapes=(tuple({0: batch} for _ in keys),),
        )
    assert program is not None
    program.model.metadata_props["hil_app"] = json.dumps(facts)
    content: bytes = program.model_proto.SerializeToString()
    return content


def _run(content: bytes, policy: GaussianActorPolicy, recorded: Recorded) -> F32:
    """What onnxruntime makes of each recorded observation."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    keys = policy.config.observation_keys
    batches = ({key: seen[key][None] for key in keys} for seen in recorded.observations)
    return np.concatenate([session.run([ACTION], batch)[0] for batch in batches])


def _example(policy: GaussianActorPolicy, key: str) -> Tensor:
    """Two observations of the shape and kind that the loop has."""
    shape = policy.config.input_features[key].shape
    if key in policy.config.image_keys:
        channels, height, width = shape
        return torch.zeros(2, height, width, channels, dtype=torch.uint8)
    return torch.zeros(2, *shape)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's exporter from telling of its own insides."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
