"""The report of a comparison: curves, a table of final scores, and the policies side by side."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.studies import plots
from mjx_humanoid.studies.curves import Curve, read_curve
from mjx_humanoid.studies.intervals import CONFIDENCE, Interval, interval
from mjx_humanoid.studies.page import Page
from mjx_humanoid.studies.runs import Wanted, labels, same_rewards

VIDEO_SECONDS = 10.0
FRAMERATE = 30
SIZE = (480, 360)  # pixels of one policy
HEAD = (
  'config',
  'runs',
  'final success rate',
  'area under the success rate',
  'final return',
  'return on the final card',
  'bar reached',
  'steps to it',
  'minutes to it',
)


def report(runs: Sequence[Wanted], out: Path, bar: float, *, video: bool) -> Path:
  """Writes the report of finished runs to the folder `out` and returns the path of its HTML.

  Args:
    bar: success rate that a config is to reach.
    video: record the policies of the first seed side by side.

  Raises:
    UserError: metrics that cannot be read, or a report that cannot be written.
  """
  curves = {name: [read_curve(run.folder) for run in group] for name, group in labels(runs).items()}
  config = runs[0].config
  page = Page(f'Comparison of {", ".join(curves)}')
  seeds = len(runs) // len(curves)
  page.text(
    f'{seeds} trainings of each config, judged by the report card {config.task.card!r} in C MuJoCo. Numbers are'
    f' interquartile means over the trainings with {CONFIDENCE:.0%} stratified bootstrap intervals.'
  )
  page.table(HEAD, [row(name, group, bar) for name, group in curves.items()])
  page.text(f'The bar is a success rate of {bar:.0%} on a report card, of {config.evaluation_episodes} episodes.')
  page.picture('success', plots.learning_curves(curves, 'success'), 'success rate against steps and minutes')
  if all(math.isfinite(curve.final_card_return) for group in curves.values() for curve in group):
    drawn = plots.learning_curves(curves, 'card_returns')
    page.picture('card_returns', drawn, 'return on the report card against steps and minutes')
  if same_rewards([run.config for run in runs]):
    page.picture('returns', plots.learning_curves(curves, 'returns'), 'return against steps and minutes')
  else:
    page.text('Returns are not drawn: the configs have different rewards, so they do not compare.')
  if video:
    add_video(page, runs)
  return page.write(out)


def row(name: str, curves: Sequence[Curve], bar: float) -> list[str]:
  """The cells of one config."""
  reached = np.array([curve.reached(bar) for curve in curves])
  count = int(np.isfinite(reached[:, 0]).sum())
  cells = [
    interval(np.array([curve.final_success for curve in curves])),
    interval(np.array([curve.area('success') for curve in curves])),
    interval(np.array([curve.final_return for curve in curves])),
    interval(np.array([curve.final_card_return for curve in curves])),
  ]
  times = [interval(column) if count == len(curves) else Interval(*[math.nan] * 3) for column in reached.T]
  words = [cell.words() for cell in cells]
  return [name, str(len(curves)), *words, f'{count} of {len(curves)}', *(time.words() for time in times)]


def add_video(page: Page, runs: Sequence[Wanted]) -> None:
  """Adds a video of the policies of the first seed; where there is no OpenGL, a sentence."""
  first = [group[0] for group in labels(runs).values()]
  try:
    content = side_by_side([run.folder for run in first])
  except UserError as error:
    page.text(f'There is no video: {error}')
    return
  names = ', '.join(run.config.name for run in first)
  page.video('policies', content, f'{names}, from the same start')


def side_by_side(folders: Sequence[Path]) -> bytes:
  """A video of the policies of runs from the same start, MP4. Raises UserError where there is no OpenGL."""
  from mjx_humanoid.media.film import Look, film_policies
  from mjx_humanoid.media.render import write_video
  from mjx_humanoid.playback.find import load

  print('rendering the policies side by side ...', flush=True)
  look = Look(width=SIZE[0], height=SIZE[1], framerate=FRAMERATE)
  frames = film_policies([load(str(folder)) for folder in folders], {}, look, VIDEO_SECONDS, 0, compare=True)
  with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / 'policies.mp4'
    write_video(path, frames, FRAMERATE)
    return path.read_bytes()
