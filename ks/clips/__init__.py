"""Training data: cached crops, label budget, schedule of clips, and the loader of batches."""
