"""The virtual motors: what each has in its memory, does, and answers on the wire."""
