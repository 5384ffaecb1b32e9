"""The one link to a run's page, printed and opened."""

from __future__ import annotations

import threading
import webbrowser

from rich.console import Console

from hil_app.runs.at_the_page import PagePlace

_OPEN = (
    "! the page can be reached from the network, and nothing on it is encrypted: whoever listens "
    "can take the token and steer the arm. Set page.certificate, or serve at 127.0.0.1 and use an "
    "SSH tunnel"
)


def show_link(place: PagePlace, console: Console) -> None:
    """Print the link, warn of a page that anybody can listen to, open it if that is asked for."""
    console.out(f"page: {place.link}", highlight=False)
    if not place.config.local and place.config.certificate is None:
        console.out(_OPEN, highlight=False)
    if place.config.open:  # a browser that starts may take its time
        threading.Thread(target=webbrowser.open, args=(place.link,), daemon=True).start()
