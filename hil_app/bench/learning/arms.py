"""What ``hil-app bench learn`` compares: presets or files, with and without the operator's help."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from configs.text.writing import write_whole
from hil_app.bench import Result
from hil_app.bench.learning.experiment import Run, training
from hil_app.bench.learning.outcome import Outcome
from hil_app.runs.folder import BENCH

ABLATIONS = {
    "no demonstrations": "--train.demonstrations=0",
    "demonstrations only": "--teleop.intervention.max_share=0",
}


@dataclass(frozen=True)
class Variant:
    """What is compared: a preset or file, and options on top."""

    name: str
    options: tuple[str, ...]


def arms(presets: Sequence[str], options: Sequence[str], ablations: bool) -> list[Variant]:
    """An arm for each preset or file; with `ablations` also without some of the operator's help."""
    found = []
    for preset in presets:
        usual = Variant(Path(preset).stem, (f"--config_path={preset}", *options))
        found.append(usual)
        if ablations:
            for name, option in ABLATIONS.items():
                found.append(Variant(f"{usual.name}, {name}", (*usual.options, option)))
    return found


def runs(arms: Sequence[Variant], seeds: Sequence[int]) -> list[Run]:
    """Every arm with every seed."""
    return [training(arm.name, seed, arm.options) for arm in arms for seed in seeds]


def save(results: Mapping[str, Sequence[Outcome]], folder: Path) -> Result:
    """Write the results of all arms as JSON; returns what was written."""
    content = {name: [asdict(seed) for seed in seeds] for name, seeds in results.items()}
    write_whole(folder / BENCH, (json.dumps(content, indent=2) + "\n").encode())
    return content
