"""The attack suite: what dishonest submissions try against the real grader, and the verdict each must get."""
