"""What a connection sends, as frames of a stream: JPEG pictures, H.264, one photograph."""
