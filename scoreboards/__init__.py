"""Boards built from journals; starts nothing."""
