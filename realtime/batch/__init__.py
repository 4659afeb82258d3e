"""Many recordings: each becomes one Parquet file, whole or not at all, on one machine or many."""
