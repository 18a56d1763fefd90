"""Models: one contract, one module per wire API."""
