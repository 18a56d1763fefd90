"""Every provider fault, played over real HTTP to the real command line, and what came of it: `make faults`."""
