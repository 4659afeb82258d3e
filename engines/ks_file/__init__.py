"""The `.ks` file: a whole model in one zip."""
