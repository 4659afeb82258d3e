"""Who is drawn: shape, age, skin, brows, lids, mouth, clothes, glasses."""
