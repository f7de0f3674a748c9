"""Environments: tasks on physics engines, also for Gymnasium and Brax."""
