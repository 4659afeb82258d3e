"""What lasts from frame to frame: windows of features, events, neutral and person baselines."""
