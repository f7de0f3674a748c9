"""Environments: tasks put into worlds."""
