"""The ledger: every model call ever paid for, kept before it is used."""
