"""Evaluation: prompts on examples, one rollout each."""
