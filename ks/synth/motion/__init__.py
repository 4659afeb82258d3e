"""What a face does over time: scripts of AUs, onset and offset, head pose, motion captures."""
