"""Where the figures of a training go beside ``metrics.jsonl``."""
