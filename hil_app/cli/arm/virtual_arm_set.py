"""``hil-app virtual-arm set``: make things go wrong with a virtual arm while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded_text
from configs.text.reading import Unreadable, parse_yaml


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    from robots.virtual.client import VirtualArm

    parser = Parser("hil-app virtual-arm set", _fault_settings())
    parser.add_argument("port", type=expanded_text, help="port of the virtual arm, or its link")
    parser.add_argument("setting", nargs="*", help="name=value, the value as in YAML")
    options = parser.parse_args(list(argv))
    changes = dict(_setting(word) for word in options.setting)
    with VirtualArm.at(options.port) as arm:
        if changes:
            arm.set(**changes)
        else:
            print(yaml.safe_dump(arm.fault_settings(), sort_keys=False), end="")
    return 0


def _setting(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ConfigError(f"{word}: settings are spelled name=value, for example drop=0.1")
    try:
        return name, parse_yaml(value)
    except Unreadable as error:
        raise ConfigError(f"{name}: {error}") from None


def _fault_settings() -> str:
    """All fault settings, for people."""
    from robots.virtual.fault_settings import FaultSettings

    lines = [
        f"  {name}: {' '.join((field.description or '').split())}"
        for name, field in FaultSettings.model_fields.items()
    ]
    return "\n".join(["Make things go wrong with a virtual arm. The settings:", *lines])
