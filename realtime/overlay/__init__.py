"""What is drawn on a frame."""
