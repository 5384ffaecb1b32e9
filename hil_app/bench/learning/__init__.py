"""How fast and how surely runs learn, and how much of somebody's time that takes."""
