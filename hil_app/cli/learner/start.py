"""``hil-app learner start``: a learner on this machine, for robots on others."""

from __future__ import annotations

from collections.abc import Sequence

from configs.errors import ConfigError, HilAppError
from configs.text.paths import expanded, typed
from hil_app.cli.learner.reached import asked, find, folder_of, parser_of, reached

DESCRIPTION = """\
Start a learner on this machine, which is in a Ray cluster (`hil-app cluster up`). It goes on when
this command ends, is started again where it or the cluster dies, and goes on from its newest
checkpoint, until `hil-app learner stop` or `hil-app cluster down`. Robots join it by

  hil-app train --learner.where=ray --learner.address=HOST:PORT

and the first of them says what is learned.
"""


_START_S = 90.0


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = parser_of("start", DESCRIPTION)
    parser.add_argument(
        "--folder",
        type=expanded,
        help="of its checkpoints (default: one by its name, in ~/.local/share/hil-app/learners)",
    )
    parser.add_argument("--cpus", type=int, default=1, help="processors it takes (default: 1)")
    parser.add_argument(
        "--gpus", type=float, help="GPUs it takes (default: one, if this machine has any)"
    )
    options = parser.parse_args(list(argv))
    from hil_app.remote import actor
    from hil_app.remote.membership import here
    from hil_app.remote.standing import remember

    with reached(options.address) as ray:
        if find(ray, options.name) is not None:
            raise ConfigError(
                f"the cluster has a learner {options.name} already: `hil-app learner status "
                f"--name={typed(options.name)}` shows it; choose another --name, or stop it first"
            )
        gpus = _gpus(ray, options.gpus)
        folder = options.folder or folder_of(options.name)
        handle = actor.start(ray, options.name, folder, cpus=options.cpus, gpus=gpus)
        try:
            status = asked(ray, handle, "status", _START_S).facts
        except HilAppError as error:
            ray.kill(handle, no_restart=True)
            raise type(error)(
                f"{error}; it needs {options.cpus} processors and {gpus:g} GPUs that nothing else "
                "of the cluster has on this machine: give it fewer (--cpus, --gpus) or stop another"
            ) from error
        address = ray.get_runtime_context().gcs_address
    if here() is not None:
        its = {"address": address, "folder": folder, "cpus": options.cpus, "gpus": gpus}
        remember(options.name, {"name": options.name, **its})
    print(f"learner {options.name} on {status['host']}, {status['gpus']} GPUs, in {folder}")
    if status["learner"]:
        print(f"it goes on from {status['learner']['checkpoint']}")
    join = f"hil-app train --learner.where=ray --learner.address={typed(address)}"
    print(f"robots join it: {join}", end="")
    print("" if options.name == "learner" else f" --learner.name={typed(options.name)}")
    print("Ray listens on all interfaces of this machine; whoever has its token runs code here:")
    print("fence its ports (`hil-app cluster status` lists them) by a firewall or a tunnel")
    return 0


def _gpus(ray: object, wanted: float | None) -> float:
    """How many the learner gets. Raises ConfigError if this machine lacks them."""
    here = ray.get_runtime_context().get_node_id()  # type: ignore[attr-defined]
    nodes = ray.nodes()  # type: ignore[attr-defined]
    found = next(node["Resources"] for node in nodes if node["NodeID"] == here)
    there = float(found.get("GPU", 0))
    if wanted is not None and wanted > there:
        raise ConfigError(
            f"--gpus: this machine has {there:g} GPUs in the cluster: start the learner on the one "
            "that has them, or leave --gpus out"
        )
    return min(1.0, there) if wanted is None else wanted
