"""The pipeline from a matrix of models and features to a journal of graded, timed trials."""
