"""Words for what people read."""


def plural(count: int, what: str) -> str:
    """1 episode, 2 episodes."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
