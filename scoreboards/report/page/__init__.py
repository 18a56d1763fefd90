"""The report: one HTML page that says where the wall-clock went, and holds everything it says it from."""
