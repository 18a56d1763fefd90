"""What lies below is under test: no test of this repository, and no configuration of its runs."""

collect_ignore = ["cases", "target"]
