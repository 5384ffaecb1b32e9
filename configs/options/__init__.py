"""From the command line to the content of a configuration."""
