"""Checks configs as their trainings would, in a process of its own, which leaves no memory of a GPU taken.

  python -m mjx_humanoid.run.check_configs '[["--config=stand", "--config.seed=1"]]'

Ends with status 2 and one line for the first config that could not be trained. Nothing is trained or written.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import sys
from collections.abc import Sequence

from mjx_humanoid.core import model_files, saved_code
from mjx_humanoid.core.config import files, schema
from mjx_humanoid.core.errors import UserError, command


@command
def main(argv: Sequence[str]) -> None:
  """Checks the configs of trainings, given by their arguments."""
  parser = argparse.ArgumentParser()
  parser.add_argument('trainings', help='a list of the arguments of each, as JSON')
  model_files.add_option(parser)
  for first, *settings in json.loads(parser.parse_args(argv).trainings):
    name = first.removeprefix('--config=')
    try:
      with contextlib.redirect_stdout(io.StringIO()):  # the training says it again
        check(name, files.split_overrides(settings))
    except UserError as error:
      raise UserError(f'{name}: {error}') from error


def check(name: str, overrides: dict[str, str]) -> None:
  """Builds everything that a config names. Raises UserError for what its training would refuse.

  Where num_envs is auto, as many as the config is meant for are taken: nothing is measured.
  """
  from mjx_humanoid.playback.find import load
  from mjx_humanoid.run.policies import from_policy
  from mjx_humanoid.run.setup import prepare

  config = schema.resolve(files.apply_overrides(files.load_config(name), overrides))
  saved_code.allow(config)  # the user typed its references
  if config.num_envs == schema.AUTO:
    config = dataclasses.replace(config, num_envs=config.reference_envs)
  if config.init_from:
    from_policy(load(config.init_from), config)
  prepare(config)


if __name__ == '__main__':
  main(sys.argv[1:])
