"""The wire between two namespaces: what it does to packets, by packets that are sent over it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hil_app.bench.remote.link import TUN
from hil_app.bench.remote.wire import Wire

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None or not Path(TUN).exists(),
    reason="network namespaces and TUN devices need root on a Linux that has them",
)
PORT = 7000
ECHO = f"""
import os, socket, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
with socket.create_server(("", {PORT})) as server, socket.socket(type=socket.SOCK_DGRAM) as by_one:
    by_one.bind(("", {PORT}))
    print(flush=True)
    connection = server.accept()[0]
    while data := connection.recv(65536):
        connection.sendall(data)
    while True:
        data, who = by_one.recvfrom(2048)
        by_one.sendto(data, who)
"""
ASK = """
import json, os, socket, sys, threading, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
whole = os.urandom(300_000)
with socket.create_connection((host, port)) as stream:
    threading.Thread(target=stream.sendall, args=[whole]).start()
    came = b""
    while len(came) < len(whole):
        came += stream.recv(65536)
print(flush=True)
sys.stdin.readline()
asked = socket.socket(type=socket.SOCK_DGRAM)
asked.settimeout(1)
def send():
    for _ in range(count):
        asked.sendto(str(time.monotonic()).encode(), (host, port))
        time.sleep(0.0005)
threading.Thread(target=send).start()
took = []
try:
    while len(took) < count:
        sent = float(asked.recv(100))
        took.append(time.monotonic() - sent)
except TimeoutError:
    pass
print(json.dumps({"whole": came == whole, "took": sorted(took)}))
"""


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire(seed=3) as made:
        yield made


def exchanged(wire: Wire, count: int, meanwhile: Any = lambda: None) -> dict[str, Any]:
    """A TCP exchange, then ``meanwhile``, then so many datagrams there and back: how long each."""
    start = partial(subprocess.Popen[str], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    echo = [*wire.command("learner"), sys.executable, "-c", ECHO]
    ask = [*wire.command("robot"), sys.executable, "-c", ASK]
    ask += [wire.addresses["learner"], str(PORT), str(count)]
    with start(echo) as server:
        assert server.stdout
        server.stdout.readline()
        try:
            with start(ask) as client:
                assert client.stdout
                client.stdout.readline()
                meanwhile()
                found: dict[str, Any] = json.loads(client.communicate("\n")[0])
        finally:
            server.communicate()  # which ends it
    return found


def test_a_round_trip_takes_as_long_as_it_is_told(wire: Wire) -> None:
    before = wire.sent()
    found = exchanged(wire, 100, lambda: wire.delay(100, 300))
    took = found["took"]
    assert len(took) == 100
    assert took[0] >= 0.1
    assert took[90] - took[10] > 0.06  # each is drawn by itself: 0.1 evenly, twice
    assert took[50] < 1  # 0.2 on a computer that is not busy
    assert wire.sent() - before > 300_000


def test_some_packets_are_lost_and_a_stream_comes_whole_all_the_same(wire: Wire) -> None:
    wire.lose(5)
    found = exchanged(wire, 300)
    assert found["whole"]
    assert 8 <= 300 - len(found["took"]) <= 60  # 29 of those that go both ways are to be


@pytest.mark.slow
def test_a_wire_that_is_cut_lets_nothing_through_and_is_whole_again(wire: Wire) -> None:
    assert exchanged(wire, 5, wire.cut)["took"] == []
    wire.calm()
    assert len(exchanged(wire, 5)["took"]) == 5
