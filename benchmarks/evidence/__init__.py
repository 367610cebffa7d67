"""Evidence: intervals, paired differences and their tests."""
