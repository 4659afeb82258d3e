"""ks-card: writes the tables of the model card."""
