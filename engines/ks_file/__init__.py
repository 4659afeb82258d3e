"""The `.ks` file: one zip that is a whole model."""
