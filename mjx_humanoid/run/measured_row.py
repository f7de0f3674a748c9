"""One row of the benchmark, in a process of its own: the first update, and the speed and memory of a training.

  python -m mjx_humanoid.run.measured_row '{"config": "stand", "overrides": {}, "engine": "native", ...}'

Prints the row as the last line of its output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mjx_humanoid.core.errors import command

Row = dict[str, Any]


class Request(NamedTuple):
  """What to measure."""

  config: str  # name or path of a config
  overrides: Mapping[str, str]  # settings of the command line
  engine: str
  num_envs: int
  seconds: float  # of the measurement; 0: only the time to the first update
  started: float  # seconds since the epoch, when the process was started


@command
def main(argv: Sequence[str]) -> None:
  """Measures and prints a row."""
  print(json.dumps(measured(Request(**json.loads(argv[0])))), flush=True)


def measured(request: Request) -> Row:
  """The row. Raises UserError for settings that do not fit."""
  import jax

  from mjx_humanoid.core import saved_code
  from mjx_humanoid.core.config import files, schema
  from mjx_humanoid.run.cache import use_compilation_cache
  from mjx_humanoid.run.measure import measure, sized
  from mjx_humanoid.run.setup import prepare
  from mjx_humanoid.run.trainer import Trainer

  use_compilation_cache()
  loaded = files.apply_overrides(files.load_config(request.config), dict(request.overrides))
  config = schema.resolve(loaded)
  saved_code.allow(config)  # the user typed its references
  config = sized(schema.resolve({**schema.to_dict(config), 'engine': request.engine}), request.num_envs)
  setup = prepare(config)
  trainer = Trainer(setup)
  state, metrics = trainer.step(trainer.start())
  jax.block_until_ready((state.learner, metrics))
  row: Row = {'engine': setup.env.engine.name, 'num_envs': request.num_envs}
  row |= {'seconds_to_first_update': time.time() - request.started}
  if not request.seconds:
    return row
  speed, state = measure(trainer, state, request.seconds)
  substeps = setup.substeps
  return row | {
    'physics_steps_per_second': speed.physics * substeps,
    'env_steps_per_second': speed.collecting,
    'training_steps_per_second': speed.training,
    'collecting_of_physics': speed.collecting / speed.physics,
    'training_of_physics': speed.training / speed.physics,
    'bytes_per_environment': trainer.memory(state) / setup.total_envs,
  }


if __name__ == '__main__':
  main(sys.argv[1:])
