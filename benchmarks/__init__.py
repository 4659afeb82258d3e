"""Measurements: speed, label budgets, real faces, and the tables of the model card."""
