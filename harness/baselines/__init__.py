"""Named baselines: runs, cut down to what a gate and a board need, kept in a folder or a git branch of the user's."""
