"""What the tests of configs share: settings on the command line, and what is refused."""

from __future__ import annotations

import pytest

from mjx_humanoid.core.config import files as config_file
from mjx_humanoid.core.config.schema import default_config, resolve
from mjx_humanoid.core.errors import UserError

HEAD = 'from mjx_humanoid.core.config.schema import default_config\n'  # of a config file


def override(*arguments, config=None):
  """The config with these arguments of the command line."""
  return resolve(config_file.apply_overrides(config or default_config(), config_file.split_overrides(arguments)))


def refuse(*arguments, match, config=None):
  """They are refused in one line."""
  with pytest.raises(UserError, match=match) as error:
    override(*arguments, config=config)
  assert '\n' not in str(error.value)
