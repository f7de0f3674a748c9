"""Where a body should be over time: searches for motions and the poses that they go through."""
