"""Writes the labels of the studio as other programs read them."""
