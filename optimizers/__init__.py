"""What searches: the search space, proposers, demonstrations, racing and the loop."""
