"""Runs that there are: what each came to, several in one picture, which may go."""
