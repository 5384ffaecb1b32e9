"""What `hil-app doctor` looks at; nothing moves and nothing is changed by it."""
