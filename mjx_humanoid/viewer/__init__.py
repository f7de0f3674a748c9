"""Live view of policies: the simulation loop, and its faces in a browser."""
