"""A recorded episode, done again."""
