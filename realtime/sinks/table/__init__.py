"""The table that CSV, Parquet and table() have in common: its columns, and what readers of OpenFace's CSV expect."""
