"""Teaches MuJoCo's humanoid to stand and more, from scratch, in minutes, on a GPU or two CPU cores."""

from mjx_humanoid import _environment

__version__ = '0.1.0'

_environment.prepare()
