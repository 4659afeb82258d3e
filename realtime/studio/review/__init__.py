"""What the studio shows of a recording: exact stills, and all that a model says of it."""
