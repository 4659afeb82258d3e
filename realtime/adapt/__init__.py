"""What a model says of every face of a user's own recordings, computed once and kept (ks/adapt learns from it)."""
