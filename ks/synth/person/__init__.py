"""The person: face shape, age, skin, brows, eyelids, mouth, clothes, glasses."""
