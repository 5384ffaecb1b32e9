"""The networks: actor, critics, encoders, and scaling about them."""
