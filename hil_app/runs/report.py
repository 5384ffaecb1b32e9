"""What a run came to: summary.json and a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from configs.text.writing import write_whole
from hil_app.control.monitor import Monitor, Recording, Stage
from hil_app.control.outcomes import (
    DEMONSTRATE,
    EVALUATE,
    RECORD,
    REPLAY,
    TELEOPERATE,
    TRAIN,
    Episode,
    Evaluation,
    by_share,
    intervention_fraction,
    success_rate,
)
from hil_app.control.policy import LearnedPolicy
from hil_app.control.rate import milliseconds
from hil_app.support.words import plural

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.learner import Progress

QUARTERS = 4
SHOWN = 8  # evaluations in the table
ACTING = (TRAIN, EVALUATE, TELEOPERATE, RECORD, REPLAY)  # the first one's lateness is shown
TIMES = {
    "lateness_ms": "loop lateness",
    "picture_age_ms": "oldest image",
    "weights_age_ms": "age of new weights",
}
Summary = dict[str, Any]


def summarize(monitor: Monitor, *, ended: str, progress: Progress | None = None) -> Summary:
    """The figures of a run; ``ended`` is "finished", a signal's name, or the error."""
    stages = {stage.name: stage for stage in monitor.stages}
    summary: Summary = {"ended": ended}
    if EVALUATE in stages:
        summary["eval"] = _evaluation_rows(stages[EVALUATE].episodes)
    if DEMONSTRATE in stages:
        summary["demonstrations"] = _evaluation_rows(stages[DEMONSTRATE].episodes)
    if TRAIN in stages:
        summary["train"] = _trained(stages[TRAIN], progress, monitor.evaluations)
    if TELEOPERATE in stages:
        stage = stages[TELEOPERATE]
        summary["teleoperate"] = _evaluation_rows(stage.episodes) | {"ticks": stage.ticks}
    if RECORD in stages:
        summary["record"] = _recorded(stages[RECORD])
    if monitor.recording is not None:
        summary["dataset"] = _kept(monitor.recording)
    acting = next((stages[name] for name in ACTING if name in stages), None)
    lateness = acting.loop.rate.statistics() if acting else None
    summary["loop"] = {"lateness_ms": lateness or {"p50": None, "p99": None, "max": None}}
    if acting and (old := milliseconds(acting.ages)):
        summary["loop"]["picture_age_ms"] = old
    policy = acting.loop.policy if acting else None
    if lateness and isinstance(policy, LearnedPolicy) and (taken := milliseconds(policy.ages)):
        summary["loop"]["weights_age_ms"] = taken  # from the learner's publishing to a tick's start
    summary["seconds"] = {name: round(stage.seconds, 1) for name, stage in stages.items()}
    return summary


def save(summary: Summary, path: Path) -> None:
    """Write a summary as JSON, into a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(summary, indent=2) + "\n").encode())


def table(summary: Summary) -> Table:
    """The summary for a terminal."""
    shown = Table(title="Summary", show_header=False, title_style="bold", min_width=60)
    for name, value in _rows(summary):
        shown.add_row(name, Text(value))  # a message may look like markup
    return shown


def _evaluation_rows(episodes: list[Episode]) -> Summary:
    return {
        "success_rate": round(success_rate(episodes), 4),
        "episodes": len(episodes),
        "mean_ticks": round(float(np.mean([e.ticks for e in episodes])), 2) if episodes else None,
    }


def _trained(stage: Stage, progress: Progress | None, evaluations: Sequence[Evaluation]) -> Summary:
    shares = by_share(stage.finished, QUARTERS)
    return {
        **_evaluation_rows(stage.episodes),
        "ticks": stage.ticks,
        "intervention_fraction": round(intervention_fraction(stage.episodes), 4),
        "intervention_fraction_by_quarter": [round(intervention_fraction(s), 4) for s in shares],
        "takeovers": sum(episode.takeovers for episode in stage.episodes),
        "updates": progress.updates if progress else 0,
        "weights_version": stage.version,
        "losses": {k: round(v, 5) for k, v in progress.stats.items()} if progress else {},
        "evaluations": [asdict(evaluation) for evaluation in evaluations],
    }


def _recorded(stage: Stage) -> Summary:
    return {
        **_evaluation_rows(stage.episodes),
        "cut_short": stage.cut_short,
        "thrown_away": stage.thrown_away,
        "ticks": stage.ticks,
        "intervention_fraction": round(intervention_fraction(stage.episodes), 4),
    }


def _kept(recording: Recording) -> Summary:
    recorder = recording.recorder
    return {
        "root": str(recording.root),
        "episodes": recorder.safe,
        "new": recorder.safe - recording.before,
        "missing_frames": recorder.missing,
        "backlog_max_frames": recorder.most_waiting,
        "backlog_max_s": round(recorder.furthest_behind, 3),
    }


def _rows(summary: Summary) -> list[tuple[str, str]]:
    rows = [("ended", summary["ended"])]
    if evaluated := summary.get("eval"):
        rows += [
            ("evaluation without interventions", _successes(evaluated)),
            ("mean episode", _length(evaluated)),
        ]
    if shown := summary.get("demonstrations"):
        rows.append(("demonstrations", f"{_successes(shown)}, mean {_length(shown)}"))
    if trained := summary.get("train"):
        if trained["evaluations"]:
            rows.append(("evaluations amid the training", _evaluations(trained["evaluations"])))
        quarters = " → ".join(f"{q:.0%}" for q in trained["intervention_fraction_by_quarter"])
        rows += [
            ("training", f"{trained['ticks']} ticks, {plural(trained['episodes'], 'episode')}"),
            ("updates", f"{trained['updates'] or '0: NOTHING WAS LEARNED'}"),
            (
                "interventions, by quarter",
                f"{quarters} of ticks, {trained['takeovers']} take-overs",
            ),
        ]
    if moved := summary.get("teleoperate"):
        rows.append(("by hand", f"{moved['ticks']} ticks, {_successes(moved)} successful"))
    if shown := summary.get("record"):
        is_intervention = f"{shown['intervention_fraction']:.0%} by hand"
        said = f"{_successes(shown)}, {shown['ticks']} ticks, {is_intervention}{_also(shown)}"
        rows.append(("recorded", said))
    if kept := summary.get("dataset"):
        frames, seconds = kept["backlog_max_frames"], kept["backlog_max_s"]
        missing = kept["missing_frames"]
        lack = f"{missing} FRAMES ARE IN NO WHOLE EPISODE" if missing else "none dropped"
        rows += [
            ("dataset", f"{plural(kept['episodes'], 'episode')}, {kept['new']} of them new"),
            ("recording backlog, most", f"{frames} frames, {seconds:.1f} s; {lack}"),
        ]
    for name, title in TIMES.items():
        if (ms := summary["loop"].get(name)) and ms["p50"] is not None:
            figures = "{p50:.1f} / {p99:.1f} / {max:.1f} ms".format(**ms)
            rows.append((f"{title} p50 / p99 / max", figures))
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in summary["seconds"].items())
    return [*rows, ("time", times)]


def _successes(evaluated: Summary) -> str:
    count = round(evaluated["success_rate"] * evaluated["episodes"])
    return f"{count}/{evaluated['episodes']} ({evaluated['success_rate']:.1%})"


def _also(shown: Summary) -> str:
    """Episodes that are not among those counted."""
    names = {"cut_short": "cut short by the end", "thrown_away": "thrown away"}
    return "".join(f"; {shown[name]} {said}" for name, said in names.items() if shown.get(name))


def _evaluations(evaluations: Sequence[Summary]) -> str:
    """The first ones to show, then the last: "3/20 → 20/20"."""
    shown = [f"{e['successes']}/{e['episodes']}" for e in evaluations]
    return " → ".join(shown if len(shown) <= SHOWN else [*shown[: SHOWN - 1], "…", shown[-1]])


def _length(evaluated: Summary) -> str:
    return "–" if evaluated["mean_ticks"] is None else f"{evaluated['mean_ticks']:.1f} ticks"
