"""What labels of one's own recordings bring: F1 against the share of labelled frames, for ks-adapt's ways to learn."""
