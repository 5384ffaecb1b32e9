"""``hil-app train-classifier``: learn from recorded episodes what success looks like."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from configs.classifier import LearningConfig, SuccessClassifierConfig
from configs.load import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded, expanded_text, option
from hil_app.runs.folder import new_run
from hil_app.support.files import check_room, claimed
from hil_app.support.outputs import carry_on

if TYPE_CHECKING:  # loads torch: only once the options are good
    from hil_app.rewards.classifier import ClassifierConfig

FIGURES = 1_000_000  # of report and figure, at most about [B]
IN_A_ROW = SuccessClassifierConfig.model_fields["ticks"].default
DESCRIPTION = """\
Learn from recorded episodes what success looks like, for tasks whose success nothing else can tell:

  hil-app train-classifier --dataset data/lift data/empty --output_dir=classifiers/lift
  hil-app train --processor.success_classifier.checkpoint=classifiers/lift ...

What followed an action is a success if its frame says so (next.success). Half of every batch are
successes, however rare they are. Whole episodes are held out to evaluate the result; the threshold
comes from the others, a third at a time, classified by what was learned from the rest.

Record episodes with --env.terminate_on_success=false, so that they go on after success, and show
what is not yet success as well: above all a gripper that comes up empty. A policy that learns from
the classifier finds everything that only looks like success to it.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(list(argv))
    if not options.dataset:
        parser.error("the following arguments are required: ROOT")
    how = _checked({name: getattr(options, name) for name in LearningConfig.model_fields})
    if options.ticks < 1:
        raise ConfigError(f"--ticks must be at least 1, got {options.ticks}")
    folder = options.output_dir or new_run("train_classifier")
    try:
        with claimed(folder):
            return _train(options, how, folder)
    except FileExistsError as error:
        raise ConfigError(f"--output_dir: {folder} {error.strerror}; name a new folder") from None


def _train(options: argparse.Namespace, how: LearningConfig, folder: Path) -> int:
    import torch
    from rich.console import Console

    from hil_app.recording.dataset import Dataset
    from hil_app.rewards.classifier import bytes_of
    from hil_app.rewards.examples import inputs_of, read_examples
    from hil_app.rewards.report import ClassifierReport, table
    from hil_app.rewards.training import split, train, trainings
    from hil_app.runs.folder import dataset_of

    carry_on()
    torch.set_num_threads(1)  # more are no faster at networks this small
    console = Console()
    datasets = [Dataset(dataset_of(root)) for root in options.dataset]
    for line in filter(None, (dataset.left_out for dataset in datasets)):
        console.out(line, highlight=False)
    features = inputs_of(datasets, options.cameras, options.state)
    _check_room(folder, bytes_of(_network(options, features)))
    with _Progress(console) as shown:
        count = shown.begin("reading", sum(map(len, datasets)))
        examples = read_examples(
            datasets, features, success_lasts=options.success_lasts, read=count
        )
        parts = split(examples.successful(), how.held_out, how.seed)
        step = shown.begin("learning", how.steps * trainings(examples, parts))
        classifier = train(
            _network(options, features),
            examples,
            parts,
            how,
            lambda loss: step(1, f"loss {loss:.4f}"),
        )
    report = ClassifierReport.of(classifier, examples, parts, options.ticks)
    place = _saved(folder, lambda place: report.save(place, classifier, examples, how))
    console.print(table(report))
    names = ", ".join(sorted(path.name for path in place.iterdir()))
    console.out(f"in {place}: {names}", highlight=False)
    use = option("processor.success_classifier.checkpoint", place)
    console.out(f"use it: {use}", highlight=False)
    return 0


def _check_room(folder: Path, size: int) -> None:
    """ConfigError unless there is room for a classifier of ``size`` bytes, and for its report."""
    try:
        check_room(folder, size + FIGURES)
    except OSError as error:
        raise ConfigError(
            f"--output_dir: {(size + FIGURES) / 1e6:.1f} MB cannot be written to {folder}: "
            f"{error.strerror}"
        ) from None


def _saved(folder: Path, save: Callable[[Path], None]) -> Path:
    """Save what was learned; returns where. Elsewhere if the disk refuses: it took long to make."""
    for place in (folder, Path(tempfile.gettempdir(), f"{folder.name}.{secrets.token_hex(4)}")):
        try:
            save(place)
        except OSError as error:
            cause = f"cannot write to {place}: {error.strerror or error}"
            print(cause, file=sys.stderr)
        if any(place.iterdir() if place.is_dir() else ()):
            return place
    raise ConfigError(f"--output_dir: {cause}; what was learned is lost: free some space")


def _network(options: argparse.Namespace, features: Any) -> ClassifierConfig:
    from hil_app.rewards.classifier import ClassifierConfig

    return ClassifierConfig(
        input_features=features,
        vision_encoder_name=options.vision_encoder_name,
        vision_encoder_weights=options.vision_encoder_weights,
        freeze_vision_encoder=options.vision_encoder_weights is not None,
    )


def _parser() -> Parser:
    parser = Parser("hil-app train-classifier", DESCRIPTION, "ROOT [ROOT ...] [options]")
    parser.add_place(
        "dataset",
        "--dataset",
        type=expanded,
        nargs="*",
        metavar="ROOT",
        help="datasets' folders",
    )
    parser.add_argument(
        "--cameras", nargs="*", metavar="NAME", help="whose images it looks at (default: all)"
    )
    parser.add_argument(
        "--state",
        nargs="+",
        default=[],
        metavar="KEY",
        help="numbers that it looks at, too, such as observation.state (default: none)",
    )
    parser.add_argument(
        "--success_lasts",
        action="store_true",
        help="what follows a success in its episode is one, too: for an operator who says it once",
    )
    parser.add_argument(
        "--ticks",
        type=int,
        default=IN_A_ROW,
        help="positive ticks in a row that make a success, when whole episodes are classified "
        f"(default: {IN_A_ROW})",
    )
    parser.add_argument(
        "--vision_encoder_name",
        choices=["cnn", "resnet10"],
        default="cnn",
        help="what looks at the images (default: cnn)",
    )
    parser.add_argument(
        "--vision_encoder_weights",
        type=expanded_text,
        metavar="FILE|REPO@COMMIT",
        help="its weights, which are then kept as they are (default: learned from scratch)",
    )
    parser.add_argument(
        "--output_dir", type=expanded, help="a new folder (default: runs/<time>_train_classifier)"
    )
    for name, field in LearningConfig.model_fields.items():
        words = (field.description or "").rstrip(".")
        words = f"{words[:1].lower()}{words[1:]} (default: {field.default})"
        parser.add_argument(f"--{name}", default=field.default, help=words.replace("\n", " "))
    return parser


def _checked(content: dict[str, Any]) -> LearningConfig:
    try:
        return LearningConfig.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        said = fault["msg"][:1].lower() + fault["msg"][1:]
        raise ConfigError(f"--{fault['loc'][0]}: {said}, got {fault['input']!r}") from None


class _Progress:
    """Bars, one after the other, in a terminal; nothing elsewhere."""

    def __init__(self, console: Any) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        name, words = TextColumn("{task.description:>8}"), TextColumn("{task.fields[words]}")
        columns = name, BarColumn(), MofNCompleteColumn(), Remaining(), words
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> _Progress:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def begin(self, name: str, total: int) -> Any:
        """A new bar; what is returned moves it on by so much, with words beside it."""
        task = self._bars.add_task(name, total=total, words="")

        def advance(much: int, words: str = "") -> None:
            self._bars.update(task, advance=much, words=words)

        return advance
