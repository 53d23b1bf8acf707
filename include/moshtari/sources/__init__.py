"""Sources: one module per kind, each a reader that yields batches of contract columns."""
