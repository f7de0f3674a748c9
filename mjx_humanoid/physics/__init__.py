"""Physics: one completed model, and engines that step many worlds of it."""
