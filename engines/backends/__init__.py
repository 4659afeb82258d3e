"""One file per backend: OpenVINO, ONNX Runtime, torch."""
