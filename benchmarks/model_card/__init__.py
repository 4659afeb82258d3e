"""ks-card: the tables of the model card."""
