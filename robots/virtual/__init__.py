"""The other side of the wire: a chain of virtual servos on a pseudo-terminal.

    client -> port -> packets -> chain -> servo (table, drive) -> motors -> world -> streams
                 faults <- answers |  violation_log: what should never have been sent

``server`` runs it all in one loop; ``control`` and ``client`` are its local socket. What of a real
servo is not known here is a constant with a comment in ``servo``, ``drive`` and ``chain``: its top
speed, its current and heat, how an overload ends, what a wrong packet does to it. PID gains, dead
zones, startup force, goal time and return delay are stored and have no effect.
"""
