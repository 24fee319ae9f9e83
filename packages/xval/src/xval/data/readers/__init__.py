"""Readers of tables: delimited text, JSON, parquet, Arrow, DataFrames."""
