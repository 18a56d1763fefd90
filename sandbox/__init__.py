"""Containers and checkouts: where strangers' code runs. Knows nothing of models, features or grades."""
