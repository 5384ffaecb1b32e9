"""The images of a dataset: to video and back."""
