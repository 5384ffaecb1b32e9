"""A client as the browser of the benchmark: see :mod:`hil_app.bench.page.browser`.

It draws nothing: an image counts as drawn once it is decoded, a key as pressed when it is said.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress

import cv2
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from hil_app.bench.page.stamps import age
from hil_app.bench.teleop import TAP_S

_HEAD = 9  # bytes before an image
_ALIVE_S = 0.03


def _draw(connection: ClientConnection, ages: list[float]) -> None:
    with suppress(ConnectionClosed):
        for message in connection:
            if isinstance(message, bytes):
                image = cv2.imdecode(np.frombuffer(message, np.uint8)[_HEAD:], cv2.IMREAD_COLOR)
                ages.append(age(image, time.time()))
                if len(ages) == 1:
                    print("true", flush=True)
                connection.send(json.dumps({"type": "drawn", "camera": message[0]}))


def _look(connection: ClientConnection) -> None:
    ages: list[float] = []
    threading.Thread(target=_draw, args=(connection, ages), daemon=True).start()
    sys.stdin.read()
    print(json.dumps(ages), flush=True)


def _press(connection: ClientConnection) -> None:
    _say(connection, type="controls", want=True)
    threading.Thread(target=_draw, args=(connection, []), daemon=True).start()
    threading.Thread(target=_hold, args=(connection,), daemon=True).start()
    print("true", flush=True)
    for line in sys.stdin:
        at = time.time()
        _keys(connection, line.strip())
        time.sleep(TAP_S)
        _keys(connection)
        print(json.dumps(at), flush=True)


def _hold(connection: ClientConnection) -> None:
    """Give signs of life."""
    with suppress(ConnectionClosed):
        while True:
            _keys(connection)
            time.sleep(_ALIVE_S)


def _keys(connection: ClientConnection, *more: str) -> None:
    _say(connection, type="input", gamepad=None, keys=["ShiftLeft", *more], sticks=None)


def _say(connection: ClientConnection, **message: object) -> None:
    connection.send(json.dumps(message))


def main() -> None:
    """Look at the page of the link that is the first argument, or press keys there."""
    link, doing = sys.argv[1:]
    place, _, token = link.partition("/#token=")
    with connect(f"{place.replace('http', 'ws', 1)}/ws", max_size=None) as connection:
        _say(connection, type="hello", token=token)
        {"look": _look, "press": _press}[doing](connection)


if __name__ == "__main__":
    main()
