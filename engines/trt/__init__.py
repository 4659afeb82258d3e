"""TensorRT: plans are built, kept on disk and run."""
