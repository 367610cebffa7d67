"""Metrics: what an answer is (extraction), what it is worth (scoring), and what many are worth together (aggregation)."""
