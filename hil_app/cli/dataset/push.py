"""``hil-app dataset push``: upload a dataset to the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence

from configs.options.parser import Parser
from hil_app.cli.dataset.options import add_root
from hil_app.support.outputs import carry_on

DESCRIPTION = """\
Upload a dataset to the Hugging Face hub, with the tag of the format's version that other tools ask
for. What is there already of the same names is replaced. Images show your home and whoever walks
through it: a repository that this makes is private unless you say --public. It needs the hub's
client, an extra that it says how to install, and a login (`hf auth login`). This has been tried
without a network only, against a stand-in for the hub: look at what arrives.

  hil-app dataset push data/lift --repo USER/NAME
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = Parser("hil-app dataset push", DESCRIPTION)
    add_root(parser)
    parser.add_argument("--repo", required=True, metavar="USER/NAME", help="where it goes")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--private", action="store_true", help="for you alone, which is the default")
    who.add_argument("--public", action="store_true", help="everybody may see the images")
    options = parser.parse_args(list(argv))
    carry_on()
    from hil_app.datasets.hub import push
    from hil_app.runs.folder import dataset_of

    where = push(dataset_of(options.root), options.repo, private=not options.public)
    print(f"{where} ({'public' if options.public else 'private'})")
    return 0
