"""What tells success from an image where no simulated world can say it."""
