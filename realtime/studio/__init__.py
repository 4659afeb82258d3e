"""ks-studio: one page in the browser to see, correct, label, train and see again."""
