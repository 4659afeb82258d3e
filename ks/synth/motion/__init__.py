"""What a face does over time: AU intensities from scripts or motion captures, gaze and head pose."""
