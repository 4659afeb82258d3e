"""TensorRT: builds plans, stores them on disk, and runs them."""
