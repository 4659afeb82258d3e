"""The method of the paper: network (figure 2), losses (eq. 1 to 8), a step of algorithm 1; and the baselines."""
