"""A trajectory as one plot: angles and torques of every joint, power, and foot contacts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import Body
from mjx_humanoid.playback.trajectories import Trajectory

if TYPE_CHECKING:
  from matplotlib.axes import Axes
  from matplotlib.figure import Figure

COLUMNS = 6
COLOURS = ('#0072b2', '#e66100', '#4d4d4d')  # left, right, middle; distinct for colour-blind readers
MIDDLE = 'middle'
SIDES = ('left', 'right', MIDDLE)
MIN_RANGE = {'angle': 10.0, 'torque': 4.0}  # degrees, N m: on a smaller scale noise looks like motion
FULLY_SHOWN, HEADROOM = 98, 1.3  # per cent of steps whose power fits on the axis; factor above the largest of them
INK = '#222222'
PALE = '#dddddd'
DPI = 120
WIDTH, PANEL, FEET = 17.0, 1.55, 0.85  # inches: width of the plot, height of a panel, height of the panel of feet
TOP, LEFT = 0.8, 0.85  # inches: margins
GAP, TICKS, LABELS = 0.14, 0.6, 0.8  # inches below a panel: empty, for tick labels, for tick and axis labels

Pair = dict[str, int]  # index of a joint on each side: {'left': 13, 'right': 7}


def check_matplotlib() -> None:
  """Raises UserError if matplotlib is not installed; called before the episode is played."""
  try:
    import matplotlib.figure  # noqa: F401
  except ImportError:
    raise UserError(
      '--plot needs matplotlib: pip install matplotlib. The other files are written without it.'
    ) from None


def plot(trajectory: Trajectory, title: str) -> bytes:
  """The plot as PNG."""
  from matplotlib.figure import Figure

  groups = grouped(trajectory.body)
  # A row for each panel and one below it for labels. A fixed layout, because matplotlib's takes seconds.
  heights = [*([PANEL, GAP, PANEL, LABELS] * len(groups)), PANEL, TICKS, FEET]
  height = TOP + sum(heights) + LABELS
  figure = Figure(figsize=(WIDTH, height), dpi=DPI)
  grid = figure.add_gridspec(
    len(heights), COLUMNS, height_ratios=heights, hspace=0, wspace=0.22,
    left=LEFT / WIDTH, right=1 - LEFT / 4 / WIDTH, top=1 - TOP / height, bottom=LABELS / height,
  )  # fmt: skip
  for i, group in enumerate(groups):
    for j, (name, pair) in enumerate(group.items()):
      upper = figure.add_subplot(grid[4 * i, j])
      lower = figure.add_subplot(grid[4 * i + 2, j], sharex=upper)
      draw_joint(upper, lower, trajectory, name, pair, first=j == 0)
  draw_power(figure.add_subplot(grid[-3, :]), trajectory)
  draw_contact(figure.add_subplot(grid[-1, :]), trajectory)
  figure.suptitle(title, fontsize=16, fontweight='bold', color=INK, x=LEFT / WIDTH, y=1 - 0.15 / height, ha='left')
  draw_legend(figure, trajectory.body)
  file = io.BytesIO()
  figure.savefig(file, format='png', facecolor='white')
  return file.getvalue()


def colour_of(side: str) -> str:
  """The colour of a side: left, right or middle."""
  return COLOURS[SIDES.index(side)]


def side_of(name: str, body: Body) -> tuple[str, str]:
  """A joint's or foot's name without its side, and the side: 'knee_left' is ('knee', 'left')."""
  for pair in body.robot.symmetry:
    for word in sorted(pair, key=len, reverse=True):  # `foot_left` before `foot`, which is part of it
      if f'_{word}_' in f'_{name}_':
        parts = f'_{name}_'.replace(f'_{word}_', f'_{shared(*pair)}_', 1).split('_')
        return '_'.join(filter(None, parts)), SIDES[pair.index(word)]
  return name, MIDDLE


def shared(left: str, right: str) -> str:
  """What two words for the sides have in common: 'foot' of 'foot_left' and 'foot', 'F' of 'LF' and 'RF'."""
  short, long = sorted((left, right), key=len)
  if long.startswith(short):
    return short
  return ''.join(a for a, b in zip(left, right, strict=True) if a == b) if len(short) == len(long) else ''


def grouped(body: Body) -> list[dict[str, Pair]]:
  """The joints of each row of panels, both sides together: those of the legs first, then all others."""
  pairs: dict[str, Pair] = {}
  for i, joint in enumerate(body.joint_names):
    name, side = side_of(joint, body)
    pairs.setdefault(name, {})[side] = i
  legs = [name for name in pairs if any(leg in name for leg in body.robot.legs)]
  others = [name for name in pairs if name not in legs]
  return [
    {name: pairs[name] for name in names[i : i + COLUMNS]}
    for names in (legs, others)
    for i in range(0, len(names), COLUMNS)
  ]


def draw_joint(upper: Axes, lower: Axes, trajectory: Trajectory, name: str, pair: Pair, *, first: bool) -> None:
  """Draws the angles of a joint on both sides, and its torques below; for slides, positions and forces."""
  body, time = trajectory.body, trajectory.time
  motors = list(body.actuator_joints)
  slide = all(body.joint_slides[joint] for joint in pair.values())
  for side, joint in pair.items():
    colour = colour_of(side)
    angles = trajectory.qpos[:, body.root.nq + joint]
    upper.plot(time, angles if slide else np.degrees(angles), color=colour, linewidth=1.3)
    if joint in motors:
      torque = trajectory.torque[:, motors.index(joint)]
      lower.plot(time, torque, color=colour, linewidth=0.9, drawstyle='steps-post')
  title = name.replace('_', ' ') + (' [m, N]' if slide else '')
  upper.set_title(title, fontsize=11, fontweight='bold', color=INK, loc='left', pad=4)
  for axes, kind, unit in ((upper, 'angle', 'degrees'), (lower, 'torque', 'N m')):
    style(axes, time)
    if not slide:
      widen(axes, MIN_RANGE[kind])
    axes.axhline(0, color='#999999', linewidth=0.8, zorder=0.9)
    if first:
      axes.set_ylabel(f'{kind} [{unit}]')
  upper.tick_params(labelbottom=False)
  lower.set_xlabel('time [s]')


def draw_power(axes: Axes, trajectory: Trajectory) -> None:
  """Draws the absolute power of all motors, the sides stacked."""
  body, power = trajectory.body, np.abs(trajectory.power)
  sides = [side_of(body.joint_names[joint], body)[1] for joint in body.actuator_joints]
  shown = sorted(set(sides), key=lambda side: (side == MIDDLE, side))
  parts = [power[:, [i for i, s in enumerate(sides) if s == side]].sum(axis=1) for side in shown]
  axes.stackplot(
    trajectory.time, *parts, colors=[colour_of(side) for side in shown], step='post', alpha=0.85, linewidth=0
  )
  total = power.sum(axis=1)
  axes.axhline(total.mean(), color=INK, linewidth=1, linestyle=(0, (4, 3)))
  title = f'power of all motors: mean {total.mean():.1f} W (dashed), peak {total.max():.0f} W'
  axes.set_title(title, fontsize=11, fontweight='bold', color=INK, loc='left', pad=4)
  axes.set_ylabel('|torque x speed| [W]')
  style(axes, trajectory.time)
  # A fall can take a hundred times the usual power. Such a peak is cut off; its height is in the title.
  limit = HEADROOM * np.percentile(total, FULLY_SHOWN)
  axes.set_ylim(0, max(1.0, limit if total.max() > 2 * limit else 1.05 * total.max()))


def draw_contact(axes: Axes, trajectory: Trajectory) -> None:
  """Draws a bar for each foot while it touches the floor."""
  body, step = trajectory.body, trajectory.body.control_step
  feet = body.robot.feet
  for row, (foot, touching) in enumerate(zip(feet, trajectory.contact.T, strict=True)):
    bars = [(trajectory.time[a], (b - a) * step) for a, b in intervals(touching)]
    axes.broken_barh(bars, (row - 0.36, 0.72), facecolors=colour_of(side_of(foot, body)[1]))
  axes.set_title('feet on the floor', fontsize=11, fontweight='bold', color=INK, loc='left', pad=4)
  axes.set_yticks(range(len(feet)), [foot.replace('_', ' ') for foot in feet])
  axes.set_xlabel('time [s]')
  style(axes, trajectory.time)
  axes.set_ylim(len(feet) - 0.4, -0.6)
  axes.grid(False, axis='y')


def draw_legend(figure: Figure, body: Body) -> None:
  """Draws the legend: which colour is which side."""
  from matplotlib.lines import Line2D

  sides = SIDES if body.robot.symmetry else (MIDDLE,)
  lines = [Line2D([], [], color=colour_of(side), linewidth=4) for side in sides]
  figure.legend(
    lines,
    sides,
    loc='upper right',
    bbox_to_anchor=(1 - LEFT / 4 / WIDTH, 1),
    borderaxespad=0.2,
    ncols=len(sides),
    frameon=False,
    fontsize=12,
  )


def intervals(touching: np.ndarray) -> list[tuple[int, int]]:
  """The intervals in which touching, bool [T], is true: (first step, one past the last)."""
  edges = np.flatnonzero(np.diff(np.concatenate([[0], touching.astype(int), [0]])))
  return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def style(axes: Axes, time: np.ndarray) -> None:
  """Sets grid, spines and colours, and the time axis to the whole episode."""
  axes.grid(True, color=PALE, linewidth=0.6)
  axes.set_axisbelow(True)
  axes.spines[['top', 'right']].set_visible(False)
  axes.spines[['left', 'bottom']].set_color('#999999')
  axes.tick_params(labelsize=8, color='#999999', labelcolor=INK)
  axes.set_xlim(time[0], max(time[-1], time[0] + 1e-3))


def widen(axes: Axes, span: float) -> None:
  """Widens the vertical range to at least `span`, around its middle."""
  low, high = axes.get_ylim()
  margin = max(0.0, span - (high - low)) / 2
  axes.set_ylim(low - margin, high + margin)
