"""What is measured: tasks, datasets, prompts, models, metrics, the ledger, evaluation and evidence."""
