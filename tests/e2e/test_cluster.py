"""``hil-app cluster``: up with a token, at work, down with all that it has started."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path

import pytest
from waiting import until

from hil_app.remote import membership
from hil_app.remote.machine import process_tree

TESTS = str(Path(__file__).parents[1])
RUNNER = """
import pathlib, sys
sys.path.insert(0, {tests!r})
from sample_benchmarks import a_run
print("words of a run")
options = dict(word[2:].split("=", 1) for word in sys.argv[1:])
a_run(pathlib.Path(options["output_dir"]), [3, 20, 20])
"""


class Commands:
    """``hil-app`` of a user with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        named = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self.environment = {**named, "HOME": str(home)}
        self.environment.pop("XDG_STATE_HOME", None)

    def __call__(self, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hil_app", *argv],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def a_free_port() -> int:
    """The first of ten ports that nobody has."""
    for port in range(20_000 + os.getpid() % 10_000, 40_000, 60):
        trials = [socket.socket() for _ in range(10)]
        try:
            for number, trial in enumerate(trials):
                trial.bind(("", port + number))
            return port
        except OSError:
            continue
        finally:
            for trial in trials:
                trial.close()
    raise AssertionError("all ports are taken")


@pytest.fixture(scope="module")
def hil_app(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    return Commands(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def port() -> int:
    return a_free_port()


@pytest.fixture(scope="module")
def cluster(hil_app: Commands, port: int) -> Iterator[str]:
    if util.find_spec("ray") is None:
        pytest.skip("Ray (hil-app[ray]) is not installed")
    done = hil_app("cluster", "up", f"--port={port}", "--cpus=1")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    done = hil_app("cluster", "down")
    assert (done.returncode, done.stdout) == (0, "the cluster is down\n"), done.stderr


def state(home: Path) -> membership.Up:
    found = json.loads((home / ".local/state/hil-app/cluster.json").read_text())
    return membership.Up(**found)


def test_it_says_what_listens_where_and_how_to_fence_it(
    cluster: str, hil_app: Commands, port: int
) -> None:
    assert f":{port}\n" in cluster.partition("listening here")[0]
    assert any(line.split() == [str(port), "all", "gcs_server"] for line in cluster.splitlines()), (
        cluster
    )
    assert f"ufw allow from ROBOT to any port {port}:{port + 49} proto tcp" in cluster
    token = hil_app.home / ".ray" / "auth_token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64


@pytest.mark.usefixtures("cluster")
def test_who_is_in_it_and_who_may_not_be(hil_app: Commands, port: int, tmp_path: Path) -> None:
    done = hil_app("cluster", "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"cluster of {state(hil_app.home).address}\n")
    assert done.stdout.endswith("free: 1 CPUs, 0 GPUs\n")
    twice = hil_app("cluster", "up")
    assert twice.returncode == 2
    assert f":{port} already" in twice.stderr
    other = Commands(tmp_path)
    no_token = other("cluster", "up", f"--join=127.0.0.1:{port}")
    assert no_token.returncode == 2
    assert "there is no token in" in no_token.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_wrong_token_is_refused(port: int, tmp_path: Path) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    other = Commands(tmp_path)
    wrong = other("bench", "learn", "--seeds=1", f"--ray=127.0.0.1:{port}", "--output_dir=none")
    assert wrong.returncode == 1
    assert "refuses this computer's token" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.usefixtures("cluster")
def test_runs_of_a_benchmark_are_its_tasks(hil_app: Commands, port: int, tmp_path: Path) -> None:
    script = tmp_path / "learn.py"
    script.write_text(RUNNER.format(tests=TESTS))
    folder = tmp_path / "out"
    runner = f"mine={sys.executable} {script}"
    command = (
        *("bench", "hil", "--tasks", "reach", "--seeds=2", "--json", f"--runner={runner}"),
        *(f"--ray=127.0.0.1:{port}", f"--output_dir={folder}", "--operators=expert"),
    )
    alone = folder / "reach_expert_alone" / "seed_0"
    alone.mkdir(parents=True)
    record = {"success_rate": 0.9, "episodes": 50, "mean_ticks": 20.0}
    (alone / "summary.json").write_text(json.dumps({"ended": "finished", "record": record}))
    done = hil_app(*command)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["outcome"]["seed"] for line in told] == [0, 1]
    assert all(line["hardware"]["cores"] == os.cpu_count() for line in told)
    (log, other) = sorted(folder.glob("reach_state_expert_mine/seed_*.log"))
    assert log.read_text() == other.read_text() == "words of a run\n"
    assert not [*folder.glob("*/*.tar")]
    (folder / "reach_state_expert_mine" / "seed_0" / "mine").write_text("kept")
    assert hil_app(*command).stdout == done.stdout
    assert (folder / "reach_state_expert_mine" / "seed_0" / "mine").read_text() == "kept"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_down_ends_all_that_up_has_started(hil_app: Commands, tmp_path: Path) -> None:
    other, port = Commands(tmp_path), a_free_port()
    assert other("cluster", "up", f"--port={port}", "--cpus=1").returncode == 0
    started = process_tree(state(tmp_path).pid)
    assert len(started) > 4
    assert other("cluster", "down").returncode == 0
    until(lambda: not [pid for pid in started if Path(f"/proc/{pid}").exists()])
    assert hil_app("cluster", "status").returncode == 0  # which is of another user


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_learner_comes_back_with_the_cluster_of_its_computer(tmp_path: Path) -> None:
    if util.find_spec("ray") is None:
        pytest.skip("Ray (hil-app[ray]) is not installed")
    hil_app, port = Commands(tmp_path), a_free_port()
    assert hil_app("cluster", "up", f"--port={port}", "--cpus=1").returncode == 0
    try:
        assert hil_app("learner", "start", f"--folder={tmp_path}/learner").returncode == 0
        before = json.loads(hil_app("learner", "status", "--json").stdout)["pid"]
        for pid in process_tree(state(tmp_path).pid):
            if b"raylet/raylet" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{before}").exists())
        address = f"--address={state(tmp_path).address}"
        until(lambda: hil_app("learner", "status", address).returncode == 0)
        assert hil_app("learner", "stop", address).returncode == 0
        assert (tmp_path / ".local/state/hil-app/learners.json").read_text() == "{}\n"
    finally:
        assert hil_app("cluster", "down").returncode == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["status"], "no cluster is up on this computer: `hil-app cluster up` begins one"),
        (["down"], "no cluster of `hil-app cluster up` is up on this computer"),
        (["up", "--port=80"], "must be from 1024 to 65486, got 80"),
        (["up", "--host=203.0.113.7"], "cannot listen at 203.0.113.7:6379"),
    ],
)
def test_errors_say_what_to_do(argv: list[str], said: str, tmp_path: Path) -> None:
    if util.find_spec("ray") is None:
        pytest.skip("Ray (hil-app[ray]) is not installed")
    done = Commands(tmp_path)("cluster", *argv)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_cluster_without_a_token_is_refused(tmp_path: Path) -> None:
    if util.find_spec("ray") is None:
        pytest.skip("Ray (hil-app[ray]) is not installed")
    done = Commands(tmp_path)("cluster", "up", RAY_AUTH_MODE="disabled")
    assert done.returncode == 2
    assert "RAY_AUTH_MODE=disabled would let anybody who reaches this cluster" in done.stderr
