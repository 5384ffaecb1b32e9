"""``hil-app dataset``: look at a dataset, replay, crop, repair and share it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from configs.load import ConfigError
from configs.reading import shown

_COMMANDS = {
    "info": "what there is in it: episodes, successes, interventions, cameras",
    "view": "pictures of episodes, with all that happened on a timeline",
    "replay": "have the arm, or the simulated one, do an episode again",
    "crop": "a copy whose pictures show a part of what the cameras saw",
    "repair": "bring back what a crash left of an episode",
    "push": "upload it to the Hugging Face hub",
    "pull": "download one from the Hugging Face hub",
}


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help"):
        print("usage: hil-app dataset COMMAND [options]\n\ncommands:")
        for known, text in _COMMANDS.items():
            print(f"  {known:<8}{text}")
        print("\nTo merge, split or edit datasets, use lerobot's own tools: the format is theirs.")
        return 0
    if name not in _COMMANDS:
        raise ConfigError(f"dataset: no '{shown(name, 60)}'; there are: {', '.join(_COMMANDS)}")
    status: int = import_module(f"hil_app.cli.dataset_{name}").run(rest)
    return status
