"""What a person does with datasets: look at them, replay, crop and share them."""
