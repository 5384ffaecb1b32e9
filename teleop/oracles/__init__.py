"""How a skilled operator would do each simulated task, one file a task, one action at a time."""
