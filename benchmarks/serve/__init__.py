"""ks-bench serve: how many streams a server bears."""
