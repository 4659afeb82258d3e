"""ks-study: methods by label budgets, folds and seeds; the paper's tables and figures."""
