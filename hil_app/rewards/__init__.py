"""What tells success from a picture where no simulated world can say it."""
