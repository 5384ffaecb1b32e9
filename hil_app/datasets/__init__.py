"""What users do with datasets: look at them, replay, crop and share them."""
