"""``hil-app export``: a trained policy for other programs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import ConfigError
from configs.options.parser import Parser
from configs.text.paths import expanded
from hil_app.runs.chosen_run import add_run, checkpoint_of, described
from hil_app.runs.folder import config_of, dataset_of, updates_of

if TYPE_CHECKING:
    from hil_app.learning.networks.actor import GaussianActorPolicy

DESCRIPTION = """\
Give other programs what a policy does in an evaluation: its deterministic action.

--onnx writes a file for onnxruntime: an input for each observation, in its own unit, batch first
(images are uint8, height x width x channels); the output is the action, which ends with the index
of the gripper's choice. It is checked against the policy on recorded observations of the run.

--lerobot writes a folder that lerobot's SACPolicy.from_pretrained (0.4.4) reads, with its pre- and
postprocessor: same observations, same actions (its select_action wants the observations alone). It
cannot for policies that look at images, or whose
networks are of another form than lerobot's, and says so. lerobot's critics are not written: it acts
there, and does not go on learning. The actions are the steps of the gripper in space that hil-app
takes, not joint targets, so lerobot-record cannot send them to an arm as they are.

--push uploads the policy with its run's configuration to the Hugging Face hub, for `hil-app eval`
elsewhere; the configuration may name folders of this computer. A repository that this makes is
private unless you say --public. It has been tried without a network only, against a stand-in.

  hil-app export runs/first --onnx first.onnx
  hil-app export runs/first --which best --lerobot exported/first
  hil-app export runs/first --push USER/NAME
"""
CARD = """\
# A policy of hil-app for lerobot

Made by `hil-app export --lerobot` from {checkpoint}, after {updates} updates. It acts
deterministically. lerobot's critics were not written: do not go on training from it.

{names}
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(list(argv))
    if options.onnx is None and options.lerobot is None and options.push is None:
        raise ConfigError("name what to export to: --onnx FILE, --lerobot FOLDER or --push NAME")
    if options.public and options.push is None:
        raise ConfigError("--public is for --push USER/NAME")
    checkpoint = checkpoint_of(options)
    print(f"exporting {described(checkpoint)}", flush=True)
    if options.onnx is not None or options.lerobot is not None:
        _export(options, checkpoint)
    if options.push is not None:
        from hil_app.runs.export.push import push_policy

        where = push_policy(checkpoint, options.push, private=not options.public)
        print(f"{where} ({'public' if options.public else 'private'})")
    return 0


def _parser() -> Parser:
    parser = Parser("hil-app export", DESCRIPTION)
    add_run(parser)
    parser.add_argument("--onnx", type=expanded, metavar="FILE", help="write an ONNX file")
    parser.add_argument("--lerobot", type=expanded, metavar="FOLDER", help="write one for lerobot")
    parser.add_argument("--push", metavar="USER/NAME", help="upload it to the Hugging Face hub")
    parser.add_argument("--public", action="store_true", help="everybody may see what is uploaded")
    parser.add_argument(
        "--dataset",
        type=expanded,
        metavar="ROOT",
        help="recorded observations to check --onnx on (default: the run's own)",
    )
    return parser


def _export(options: Namespace, checkpoint: Path) -> None:
    if options.onnx is not None:
        from hil_app.runs.export.onnx_file import check_installed

        check_installed()
    from hil_app.learning.checkpoint import load_policy

    policy = load_policy(checkpoint, seed=0)
    root = dataset_of(options.dataset or config_of(checkpoint).parent)
    facts = _facts(policy, checkpoint, root)
    try:
        if options.onnx is not None:
            _to_onnx(policy, facts, root, options.onnx)
        if options.lerobot is not None:
            _to_lerobot(policy, facts, options.lerobot)
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from error


def _to_onnx(policy: GaussianActorPolicy, facts: Mapping[str, Any], root: Path, path: Path) -> None:
    from hil_app.runs.export.acting import Recorded
    from hil_app.runs.export.onnx_file import export_onnx

    print(f"{path}: {export_onnx(policy, Recorded.read(root, policy), facts, path)}")


def _to_lerobot(policy: GaussianActorPolicy, facts: Mapping[str, Any], folder: Path) -> None:
    from hil_app.runs.export.to_lerobot import export_lerobot

    if folder.exists():
        raise ConfigError(f"--lerobot: {folder} is there already: name a new folder")
    names = "\n".join(f"- {key}: {', '.join(each)}" for key, each in facts["names"].items())
    export_lerobot(policy, CARD.format(**{**facts, "names": names}), folder)
    print(f"{folder}: for lerobot's SACPolicy.from_pretrained")


def _facts(policy: GaussianActorPolicy, checkpoint: Path, root: Path) -> dict[str, Any]:
    """What goes with an export."""
    from hil_app.recording.format.layout import INFO
    from hil_app.runs.export.acting import names_of

    names = names_of(root, policy) if (root / INFO).is_file() else {}
    return {
        "checkpoint": f"{config_of(checkpoint).parent.absolute().name}/{checkpoint.name}",
        "updates": updates_of(checkpoint),
        "names": names,
    }
