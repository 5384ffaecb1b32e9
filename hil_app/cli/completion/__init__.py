"""What has a shell complete commands, options and their values."""
