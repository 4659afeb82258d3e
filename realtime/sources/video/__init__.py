"""Videos and video streams, read with PyAV."""
