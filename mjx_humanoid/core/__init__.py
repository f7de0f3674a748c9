"""What every room shares: types, errors, registries, files, settings, the policy network. No physics, no JAX."""
