"""The gate of continuous integration: a baseline and a candidate against a policy, decided as the data can bear."""
