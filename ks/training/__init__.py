"""Algorithm 1's two outer loops, and what a long run needs: warm starts, logs, signals, several processes."""
