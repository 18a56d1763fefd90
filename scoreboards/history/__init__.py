"""A store of past runs: Parquet files in a folder of the user's choice, looked at with DuckDB."""
