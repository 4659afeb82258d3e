"""State that lasts from frame to frame: feature windows, events, person and neutral baselines."""
