"""Physics: the completed model of a robot, and engines that step many environments of it."""
