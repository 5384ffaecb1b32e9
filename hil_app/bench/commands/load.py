"""``hil-app bench load``: how long a dataset takes to become a replay buffer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from configs.errors import ConfigError
from configs.options.parser import count
from configs.text.paths import expanded
from hil_app.bench import showing

DESCRIPTION = """\
Time and memory that it takes to load a dataset of one camera, which it writes first, into a replay
buffer, and the time that merely decoding the same videos takes: no reader of the format can be
faster. "peak" is what the process has grown by. Writing 100000 frames takes some minutes.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = showing.parser("load", DESCRIPTION)
    parser.add_argument("--frames", type=count, default=100_000, help="how many (default: 100000)")
    parser.add_argument("--side", type=int, default=64, help="of an image [px] (default: 64)")
    parser.add_place(
        "root",
        "--root",
        type=expanded,
        metavar="ROOT",
        help="the dataset: one that is there is only read (default: a new one)",
    )
    options = parser.parse_args(argv)
    if options.side < 16 or options.side % 2:
        raise ConfigError("--side must be even, and at least 16")
    from hil_app.bench import load  # loads torch: only once the options are good

    with tempfile.TemporaryDirectory() as folder:
        root, wrote = options.root or Path(folder, "dataset"), None
        if not root.exists():
            started = time.perf_counter()
            load.write(root, options.frames, options.side)
            wrote = round(time.perf_counter() - started, 1)
        result = {**load.load(root), "write_s": wrote}
    showing.show(result, options.json, lambda: _table(result))
    return 0


def _table(result: Mapping[str, Any]) -> Table:
    seconds, memory = result["seconds"], result["memory_mb"]
    rows = [
        ["loading", f"{seconds['load']:.1f} s"],
        ["decoding alone", f"{seconds['decode']:.1f} s"],
        ["ratio", f"{result['ratio']:.2f}x"],
        ["the buffer", f"{memory['buffer']} MB"],
        ["peak", f"{memory['peak']} MB"],
    ]
    sizes = ", ".join(f"{name} {w}x{h}" for name, (h, w) in result["pictures"].items())
    caption = f"{result['frames']} frames, {result['episodes']} episodes; {sizes}"
    return showing.table("load", ("", ""), rows, caption)
