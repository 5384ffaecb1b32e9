"""``hil-app dataset pull``: download a dataset from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.support.outputs import carry_on
from hil_app.support.words import plural

DESCRIPTION = """\
Download a dataset from the Hugging Face hub, in the format's version that hil-app reads. It needs
the hub's client, an extra that it says how to install. This has been tried without a network only,
against a stand-in for the hub.

  hil-app dataset pull USER/NAME --out data/lift
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app dataset pull", DESCRIPTION)
    parser.add_argument("repo", metavar="USER/NAME", help="which")
    parser.add_argument(
        "--out", type=expanded, required=True, metavar="ROOT", help="its folder, which is new"
    )
    options = parser.parse_args(list(argv))
    carry_on()
    from hil_app.datasets.hub import pull
    from hil_app.datasets.places import check_new

    check_new(options.out)
    dataset = pull(options.repo, options.out)
    episodes, frames = plural(len(dataset.episodes), "episode"), plural(len(dataset), "frame")
    print(f"{options.out}: {episodes}, {frames}")
    return 0
