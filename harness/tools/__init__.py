"""Tools a model can call: one module each, and one registry."""
