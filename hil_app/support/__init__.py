"""What every room may use: files, caches, outputs, events, threads."""
