"""Tasks: what is rewarded, seen, started from and ended, as pure functions chosen by name."""
