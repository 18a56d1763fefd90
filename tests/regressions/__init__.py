"""Regressions of known size in real runs of a bundled target, and what the gate says of each."""
