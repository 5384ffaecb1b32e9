"""What stands for ``hil-app train`` in the trials of a sweep."""

from __future__ import annotations

import sys

FAKE = """
import json, pathlib, sys, time
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
folder = pathlib.Path(options.get("resume") or options["output_dir"])
(folder / "checkpoints" / "tick_000100").mkdir(parents=True, exist_ok=True)
size = folder / "batch_size"
if "resume" not in options:
    size.write_text(options.get("learner.batch_size", "64"))
(folder / "words.json").write_text(json.dumps(sys.argv[1:]))
good = int(size.read_text()) >= 64
with (folder / "events.jsonl").open("a") as events:
    for ticks in (100, 200, 300):
        told = {"event": "evaluation", "ticks": ticks, "successes": 18 if good else 3,
                "episodes": 20, "mean_ticks": 9.0, "updates": ticks, "train_seconds": 1.0}
        print(json.dumps(told), file=events, flush=True)
        if not good:
            time.sleep(60)  # until it is ended
if options.get("learner.batch_size") == "99":  # it has none when it goes on
    sys.exit("an unlucky number")
end = {"ended": "finished", "train": {}, "eval": {"success_rate": 0.9 + good / 100}}
(folder / "summary.json").write_text(json.dumps(end))
"""
PROGRAM = (sys.executable, "-c", FAKE)
