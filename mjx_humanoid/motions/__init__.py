"""Motions: the search for the motion of getting up, and the states along it."""
