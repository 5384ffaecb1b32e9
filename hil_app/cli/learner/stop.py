"""``hil-app learner stop``: end a learner, with everything kept."""

from __future__ import annotations

from collections.abc import Sequence

from configs.errors import HilAppError
from hil_app.cli.learner.reached import asked, find, must_find, parser_of, reached
from hil_app.remote.actor import forget_everywhere
from hil_app.remote.cluster import ClusterError
from hil_app.remote.standing import forget, standing

DESCRIPTION = """\
End a learner: it writes a checkpoint first, from which `hil-app learner start` with the same name
goes on. Robots that learn from it go on by themselves, and keep what they have for it.
"""


def run(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = parser_of("stop", DESCRIPTION)
    parser.add_argument("--now", action="store_true", help="without a checkpoint, if it hangs")
    options = parser.parse_args(list(argv))
    kept, silent = "its newest checkpoint is what there is", []
    with reached(options.address) as ray:
        if find(ray, options.name) is None and options.name in standing():
            forget(options.name)
            print(f"learner {options.name} is not up, and will not be started again here")
            return 0
        learner = must_find(ray, options.name)
        try:
            if not options.now:
                facts = asked(ray, learner, "close", 180.0).facts
                found = (facts["learner"] or {}).get("checkpoint")
                kept = f"kept in {facts['folder']}, {found}" if found else "it had learned nothing"
        except HilAppError as error:
            raise type(error)(f"{error}; --now ends it all the same") from error
        ray.kill(learner, no_restart=True)
        if options.now:  # else it has seen to that itself
            silent = forget_everywhere(ray, options.name)
    forget(options.name)
    if silent:
        raise ClusterError(
            f"learner {options.name} has ended, but {', '.join(silent)} did not answer and would "
            "start it again with the cluster, if it ran there: call this command there, too"
        )
    print(f"learner {options.name} has ended: {kept}")
    return 0
