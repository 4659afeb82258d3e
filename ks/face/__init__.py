"""From a picture to one aligned crop: detector, key points, alignment."""
