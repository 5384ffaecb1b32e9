"""A learner elsewhere behind Ray's own TLS, by the very commands of the handbook."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from certificates import certified, needs_openssl
from clusters import needs_ray, needs_two_computers

from hil_app.bench import BenchError
from hil_app.bench.remote.arrivals import TWIN
from hil_app.bench.remote.compared import compared
from hil_app.bench.remote.lab import Lab
from hil_app.bench.remote.wire import SIDES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(580),
    pytest.mark.xdist_group("ray"),
    needs_ray,
    needs_two_computers,
    needs_openssl,
]
KNOCK = """
import socket, ssl, sys
host, folder, how = sys.argv[1:]
trusting = ssl.create_default_context(cafile=folder + "/ca.crt")
trusting.set_alpn_protocols(["h2"])
if how == "certified":
    trusting.load_cert_chain(folder + "/tls.crt", folder + "/tls.key")
with socket.create_connection((host, 6379), 20) as its:
    try:
        if how != "plain":
            its = trusting.wrap_socket(its, server_hostname=host)
        its.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes(3) + b"\\4" + bytes(5))
        print(bool(its.recv(1)))
    except OSError:
        print(False)
"""


def knocked(lab: Lab, folder: Path, how: str) -> str:
    """Whether Ray on the learner's computer answers one who comes from the robot's like this."""
    words = (sys.executable, "-c", KNOCK, lab.wire.addresses["learner"], str(folder), how)
    command = [*lab.wire.command("robot"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_learns_behind_tls_and_who_has_no_certificate_is_not_let_in(tmp_path: Path) -> None:
    lab, first = Lab(tmp_path), None
    for side in SIDES[::-1]:  # the learner's computer came first
        folder = tmp_path / f"{side}-tls"
        folder.mkdir()
        lab.variables[side] = certified(folder, lab.wire.addresses[side], first)
        first = first or folder
    assert first is not None
    with lab:
        its, lab.variables["robot"] = lab.variables["robot"], {}
        asked = time.monotonic()
        with pytest.raises(BenchError, match="encrypts, and this command was not told to: export"):
            lab.call("robot", "learner", "status", f"--address={lab.address}")
        assert time.monotonic() - asked < 60  # of which most is Python's, on a busy machine
        lab.variables["robot"] = its
        assert knocked(lab, first, "certified") == "True\n"
        assert knocked(lab, first, "without") == knocked(lab, first, "plain") == "False\n"
        options = ("--train.demonstrations=1", "--train.ticks=150", "--eval.episodes=0")
        there = ("--learner.where=ray", f"--learner.address={lab.address}", "--learner.robot=left")
        run = lab.train("run", [*TWIN, "--robot.task=reach", *options, *there])
        assert run.process.wait(300) == 0, run.last_words
        found = compared(run.folder, lab.checkpoints, "left")
        assert found.frames >= 150
        assert (found.lost, found.doubled, found.strange) == (0, 0, 0)
