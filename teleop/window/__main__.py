"""The operator's window: started by :class:`teleop.window.client.Window`, not by hand."""

from __future__ import annotations

import os
import signal
import socket
import sys

from configs.text.reading import parse_json

_FOR_SDL = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_NO_SIGNAL_HANDLERS": "1",
    "SDL_VIDEO_X11_WMCLASS": "hil-app",  # what task bars call it
}


def main() -> None:
    """Serve the socket that is the standard input."""
    try:
        connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    except OSError:
        sys.exit("This is the program behind the operator's window: hil-app starts it by itself.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ |= _FOR_SDL
    from teleop.window.app import App  # imports pygame, which reads these

    with connection, connection.makefile("rb") as stream:
        App(connection, stream, parse_json(stream.readline())).run()


main()
