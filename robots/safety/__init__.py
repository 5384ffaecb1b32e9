"""What keeps an arm whole: limits, the guard, watchdogs and the deadman."""
