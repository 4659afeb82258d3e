"""The paper: the network of figure 2, the losses of equations 1 to 8, one step of algorithm 1, and the baselines."""
