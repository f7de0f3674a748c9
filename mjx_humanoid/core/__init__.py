"""Shared by all subpackages: types, errors, registries, files, settings, the policy network. No physics, no JAX."""
