"""ks-bench: how fast engines and the whole pipeline are on this machine."""
