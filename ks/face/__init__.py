"""From a picture to an aligned crop: face detection, key points, alignment."""
