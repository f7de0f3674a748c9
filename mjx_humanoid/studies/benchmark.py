"""Rows of the benchmark: each in processes of its own; as a table, a file and a plot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import to_json, write_files

Row = dict[str, Any]
MODULE = 'mjx_humanoid.run.measured_row'
RATES = {  # rates of a row, in words
  'physics_steps_per_second': 'physics alone [physics steps/s]',
  'env_steps_per_second': 'collecting [environment steps/s]',
  'training_steps_per_second': 'training [environment steps/s]',
}
NOTES = """of physics: speed of collecting and of training, as shares of that of physics alone
first update: seconds after the start of the process, with an empty and with a full compilation cache
kB each: memory for each environment"""
HEAD = (
  f'{"engine":>9} {"num_envs":>9} {"physics/s":>12} {"collecting/s":>13} {"training/s":>11}'
  f' {"of physics":>16} {"first update [s]":>18} {"kB each":>8}'
)


def rows_of(
  config: str, overrides: Mapping[str, str], engines: Sequence[str], counts: Sequence[int], seconds: float
) -> list[Row]:
  """Measures and prints a row for every engine and number of environments.

  Args:
    config: name or path.
    overrides: settings of the command line.
    seconds: of each measurement.

  Raises:
    UserError: nothing could be measured.
  """
  print(HEAD, flush=True)
  rows = []
  for engine in engines:
    for count in counts:
      request = {'config': config, 'overrides': dict(overrides), 'engine': engine, 'num_envs': count}
      rows.append(row_of(request, seconds))
      print(line_of(rows[-1]), flush=True)
  if all('failed' in row for row in rows):
    raise UserError(f'nothing could be measured: {rows[0]["failed"]}')
  return rows


def row_of(request: Mapping[str, Any], seconds: float) -> Row:
  """One row: times to the first update with an empty cache and a full one, speed and memory; or why it failed."""
  with tempfile.TemporaryDirectory() as cache:
    cold = measured({**request, 'seconds': 0}, cache)
    row = cold if 'failed' in cold else measured({**request, 'seconds': seconds}, cache)
  if 'failed' in row:
    return {'engine': request['engine'], 'num_envs': request['num_envs'], 'failed': row['failed']}
  cached = row.pop('seconds_to_first_update')
  return {**row, 'seconds_to_first_update': {'cold': cold['seconds_to_first_update'], 'cached': cached}}


def measured(request: Mapping[str, Any], cache: str) -> Row:
  """What a process measures with this compilation cache, or its last words."""
  text = json.dumps({**request, 'started': time.time()})
  environment = {**os.environ, 'JAX_COMPILATION_CACHE_DIR': cache}
  command = [sys.executable, '-m', MODULE, text]
  run = subprocess.run(command, capture_output=True, encoding='utf-8', errors='replace', env=environment)
  if run.returncode:
    words = run.stderr.strip().split('\n')[-1].removeprefix('error: ')
    return {'failed': words or f'the process ended with status {run.returncode}'}
  row: Row = json.loads(run.stdout.strip().split('\n')[-1])
  return row


def line_of(row: Row) -> str:
  """A row as a line of the table."""
  head = f'{row["engine"]:>9} {row["num_envs"]:>9,}'
  if 'failed' in row:
    return f'{head}  failed: {row["failed"]}'
  shares = f'{row["collecting_of_physics"]:.0%}, {row["training_of_physics"]:.0%}'
  first = row['seconds_to_first_update']
  return (
    f'{head} {row["physics_steps_per_second"]:>12,.0f} {row["env_steps_per_second"]:>13,.0f}'
    f' {row["training_steps_per_second"]:>11,.0f} {shares:>16} {first["cold"]:>9.1f} {first["cached"]:>8.1f}'
    f' {row["bytes_per_environment"] / 1e3:>8.1f}'
  )


def write(rows: Sequence[Row], config: str, json_file: Path, plot_file: Path) -> None:
  """Writes the rows and their plot. Raises UserError where that is impossible."""
  from mjx_humanoid.run.policies import versions

  text = to_json({'config': config, 'versions': versions(), 'rows': list(rows)}, indent=2)
  write_files({json_file: f'{text}\n'.encode(), plot_file: plot(rows, config)}, 'the benchmark')


def plot(rows: Sequence[Row], config: str) -> bytes:
  """Rates over the number of environments as PNG, a panel for each and a line for each engine."""
  from matplotlib.figure import Figure

  good = [row for row in rows if 'failed' not in row]
  figure = Figure(figsize=(12, 4), dpi=120, layout='constrained')
  for axes, (name, words) in zip(figure.subplots(1, len(RATES)), RATES.items(), strict=True):
    for engine in dict.fromkeys(row['engine'] for row in good):
      points = sorted((row['num_envs'], row[name]) for row in good if row['engine'] == engine)
      axes.plot(*zip(*points, strict=True), marker='o', label=engine)
    axes.set_xscale('log', base=2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel('environments')
    axes.set_title(words, fontsize=10)
    axes.legend()
  figure.suptitle(f'speed of training {config!r}')
  file = io.BytesIO()
  figure.savefig(file, format='png')
  return file.getvalue()
