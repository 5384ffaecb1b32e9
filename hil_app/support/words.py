"""Words for what people read."""


def plural(count: int, what: str) -> str:
    """1 episode, 2 episodes."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def data_size(count: int) -> str:
    """So many bytes: 512 B, 3.4 kB, 120 MB."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(size) < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if size < 10 and unit != "B" else f"{size:.0f} {unit}"
