"""Tasks: rewards, observations, start states and terminations, as pure functions chosen by name."""
