"""ks-bench lag: how late an answer follows the face, on rendered clips whose true onsets are known."""
