"""The task: what goes in, what should come out, on which rows, by which metric, with which model."""
