"""Does the gate fail as rarely, and see as much, as it says? Simulated pairs of runs, whose truth is known."""
