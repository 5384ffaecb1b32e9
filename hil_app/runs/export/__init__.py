"""A trained policy for other programs: as ONNX, for lerobot, on the Hugging Face hub."""
