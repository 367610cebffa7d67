"""Metrics: taking the answer out of a reply, scoring it, and aggregating many."""
