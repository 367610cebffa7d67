"""The batch lane: requests gathered into batches of OpenAI's Batch API, at half the price and within a day."""
