"""What the operator's page costs the loop, and how soon the arm does what is pressed on it."""
