"""A browser that is none, in a process of its own: it draws whatever it is sent, at once.

It prints a line once it has been sent an image, and when its input ends the ages of all images [s],
as JSON.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

_HEAD = struct.Struct("<Bd")


def socket_of(link: str) -> tuple[str, str]:
    """Where the socket of a link's page is, and its token."""
    place, _, token = link.partition("/#token=")
    return f"{place.replace('http', 'ws', 1)}/ws", token


def _draw(connection: ClientConnection, ages: list[float]) -> None:
    with suppress(ConnectionClosed):
        for message in connection:
            if isinstance(message, bytes):
                camera, age = _HEAD.unpack(message[: _HEAD.size])
                ages.append(age)
                if len(ages) == 1:
                    print(flush=True)
                connection.send(json.dumps({"type": "drawn", "camera": camera}))


def main() -> None:
    """Look at the page of the link that is the argument."""
    place, token = socket_of(sys.argv[1])
    ages: list[float] = []
    with connect(place, max_size=None) as connection:
        connection.send(json.dumps({"type": "hello", "token": token}))
        threading.Thread(target=_draw, args=(connection, ages), daemon=True).start()
        sys.stdin.read()
    print(json.dumps(ages))


if __name__ == "__main__":
    main()
