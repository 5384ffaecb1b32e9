"""What a run is made of: typed, frozen models and presets."""
