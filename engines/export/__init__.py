"""From a checkpoint to a `.ks` file, and back."""
