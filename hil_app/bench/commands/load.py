"""``hil-app bench load``: how long a dataset takes to become a replay buffer."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.load import ConfigError
from configs.parser import Parser
from configs.paths import expanded

DESCRIPTION = """\
Time and memory that it takes to load a dataset of one camera, which it writes first, into a replay
buffer, and the time that merely decoding the same videos takes: no reader of the format can be
faster. "peak" is what the process has grown by. Writing 100000 frames takes some minutes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _options(argv)
    from hil_app.bench import load  # loads torch: only once the options are good

    with tempfile.TemporaryDirectory() as folder:
        root, wrote = options.root or Path(folder, "dataset"), None
        if not root.exists():
            started = time.perf_counter()
            load.write(root, options.frames, options.side)
            wrote = round(time.perf_counter() - started, 1)
        result = {**load.load(root), "write_s": wrote}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("hil-app bench load", DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--frames", type=int, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--side", type=int, default=64, help="of a picture [px] (default: 64)")
    parser.add_argument(
        "--root",
        type=expanded,
        help="the dataset: one that is there is only read (default: a new one)",
    )
    options = parser.parse_args(list(argv))
    if options.frames < 1:
        raise ConfigError("--frames must be at least 1")
    if options.side < 16 or options.side % 2:
        raise ConfigError("--side must be even, and at least 16")
    return options


def _show(result: Mapping[str, Any]) -> None:
    from rich.table import Table

    from hil_app.cli.tables import print_table

    table = Table(title="hil-app bench load", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    seconds, memory = result["seconds"], result["memory_mb"]
    table.add_row("loading", f"{seconds['load']:.1f} s")
    table.add_row("decoding alone", f"{seconds['decode']:.1f} s")
    table.add_row("ratio", f"{result['ratio']:.2f}x")
    table.add_row("the buffer", f"{memory['buffer']} MB")
    table.add_row("peak", f"{memory['peak']} MB")
    sizes = ", ".join(f"{name} {w}x{h}" for name, (h, w) in result["pictures"].items())
    table.caption = f"{result['frames']} frames, {result['episodes']} episodes; {sizes}"
    print_table(table)
