"""The other side of the wire: a chain of virtual servos on a pseudo-terminal."""
