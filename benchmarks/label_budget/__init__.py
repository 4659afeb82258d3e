"""ks-study: trains methods by label budget, fold and seed, and makes the paper's tables and figures."""
