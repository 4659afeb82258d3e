"""The trainer (outer loops of algorithm 1), with warm starts, logs, signals and several processes."""
