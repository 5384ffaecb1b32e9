"""``hil-app runs compare``: the curves of several runs in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded

PICTURE = "comparison.png"
DESCRIPTION = """\
Draw how several trainings went: success, the share of ticks in which the operator acted, and the
return, over the ticks. Says what each came to, and in which options of their configurations they
differ.

  hil-app runs compare runs/first runs/second
  hil-app runs compare runs/* --out plots/all.png
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app runs compare", DESCRIPTION)
    parser.add_argument("runs", nargs="+", type=expanded, metavar="RUN", help="their folders")
    parser.add_argument(
        "--out",
        type=expanded,
        default=Path(PICTURE),
        metavar="PNG",
        help=f"where the picture goes (default: {PICTURE})",
    )
    options = parser.parse_args(list(argv))
    if options.out.suffix.lower() != ".png":
        raise ConfigError(f"--out: {options.out}: name a file that ends in .png")
    from hil_app.cli.runs.table import print_runs
    from hil_app.runs.browse.figure import plot_comparison
    from hil_app.runs.browse.overview import differences, names_of, overview

    known = [overview(folder) for folder in options.runs]
    names = names_of(known)
    drawn = {name: one.history for name, one in zip(names, known, strict=True)}
    empty = [name for name, history in drawn.items() if not history.training]
    if len(empty) == len(drawn):
        raise ConfigError(f"none of them has finished an episode of training: {', '.join(empty)}")
    print_runs(known)
    if found := differences(known):
        print(f"they differ in, in this order: {', '.join(names)}")
    for option, values in found.items():
        print(f"  {option}: {' | '.join(values)}")
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        plot_comparison({n: h for n, h in drawn.items() if h.training}, options.out)
    except OSError as error:
        raise ConfigError(f"--out: cannot write {options.out}: {error.strerror}") from error
    for name in empty:
        print(f"not drawn, as no episode of its training has ended: {name}")
    print(f"image: {options.out}")
    return 0
