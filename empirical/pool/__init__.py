"""The growing training set on disk: immutable Parquet shards and a commit record for each round."""
