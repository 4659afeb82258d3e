"""ks-compile: makes a model for a backend and precision, and measures its difference from fp32."""
