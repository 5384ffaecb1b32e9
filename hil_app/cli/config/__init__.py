"""What a run's configuration comes to, and ours of others."""
