"""Measured figures, each as a ratio against a reference in the same run: `make bench`, or `python -m tests.bench`."""
