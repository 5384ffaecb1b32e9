"""What makes the handbook: its reference pages, and its pictures."""
