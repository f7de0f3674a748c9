"""The public name for config files: `from mjx_humanoid.config import default_config`."""

from mjx_humanoid.core.config.schema import default_config

__all__ = ['default_config']
