"""A simulation with what its faces share: policies to choose from, reward terms, videos, the run that is followed."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mjx_humanoid.core.errors import UserError, reason
from mjx_humanoid.core.run_folder import POLICY_FILE
from mjx_humanoid.playback import find
from mjx_humanoid.playback.chain import Stage, make_stages
from mjx_humanoid.playback.find import pretrained_policies
from mjx_humanoid.viewer import replay
from mjx_humanoid.viewer.follow import Follower
from mjx_humanoid.viewer.loop import INTERVAL
from mjx_humanoid.viewer.rewards import RewardMeter
from mjx_humanoid.viewer.simulation import Simulation
from mjx_humanoid.viewer.steering import observes_commands

MOST_VIDEOS = 50  # saved by one viewer, so that a page cannot fill the disk


def stage_of(reference: str, *, allow_code: bool = False) -> Stage:
  """The stage of a run, policy file or pretrained policy, from start states of its report card. Raises UserError."""
  return make_stages([find.load(reference, allow_code=allow_code)], {})[0]


def policy_choices(first: str, runs: Path = Path('runs')) -> list[str]:
  """Policies to choose from: the one that the viewer began with, pretrained ones, and runs in the folder `runs`."""
  own = sorted(str(path.parent) for path in runs.glob(f'*/{POLICY_FILE}'))
  return list(dict.fromkeys([first, *pretrained_policies(), *own]))


class Viewer:
  """What all faces of one simulation share. All methods may be called from any thread and return at once."""

  def __init__(
    self,
    stage: Stage,
    policy: str,
    *,
    folder: Path,
    num_envs: int = 1,
    seed: int = 0,
    extra_start: str = '',
    interval: float = INTERVAL,
    follower: Follower | None = None,
    allow_code: bool = False,
  ) -> None:
    """Nothing runs yet.

    Args:
      policy: what the user calls it.
      folder: of saved videos.
      interval: s of wall time, least between two pictures of the scene.
      follower: of a run whose newest policy is taken.
    """
    self.interval = interval
    self.simulation = Simulation(
      stage, policy=policy, num_envs=num_envs, seed=seed, extra_start=extra_start, interval=interval
    )
    self.rewards = RewardMeter(self.simulation)
    self.follower = follower
    self.policies = policy_choices(str(follower.folder) if follower else policy)
    self.videos: list[Path] = []  # saved so far
    self._folder, self._allow_code = folder, allow_code
    self._pool = ThreadPoolExecutor(1, 'viewer')
    self._busy = threading.Lock()
    self._following = True

  def start(self) -> None:
    """Starts the threads of the simulation, the rewards and the follower."""
    self.simulation.start()
    self.rewards.start()
    if self.follower:
      self.follower.start(self._follow)

  def close(self) -> None:
    """Ends all threads."""
    if self.follower:
      self.follower.close()
    self.rewards.close()
    self.simulation.close()
    self._pool.shutdown(wait=False, cancel_futures=True)

  def choose_policy(self, name: str) -> None:
    """Takes another policy. Raises ValueError if it is not one of `policies`."""
    if name not in self.policies:
      raise ValueError(f'no policy {name!r}')

    def work() -> None:
      stage = stage_of(name, allow_code=self._allow_code)
      self._following = name == self.policies[0]  # else the run's next policy would replace what the user chose
      self.simulation.play(stage, name)
      self.simulation.tell(note(stage))

    self._submit(work)

  def save_video(self, done: Callable[[Path], None] | None = None) -> None:
    """Saves the last ten seconds as MP4, in a while, and then calls `done` with its path."""
    record = self.simulation.replay

    def work() -> None:
      if len(self.videos) >= MOST_VIDEOS:
        raise UserError(f'{MOST_VIDEOS} videos were saved: start the viewer again to save more.')
      self.simulation.tell('saving the last seconds ...')
      path = replay.save(record, self._folder)
      self.videos.append(path)
      self.simulation.tell(f'saved {path}')
      if done:
        done(path)

    self._submit(work)

  def _submit(self, work: Callable[[], None]) -> None:
    """Has work done in a thread, one after the other; while some is going on, more is refused."""
    if not self._busy.acquire(blocking=False):
      self.simulation.tell('one moment: the last request is still being worked on')
      return

    def guarded() -> None:
      try:
        work()
      except Exception as error:  # else it would be lost in the thread
        self.simulation.tell(reason(error))
      finally:
        self._busy.release()

    self._pool.submit(guarded)

  def _follow(self, stage: Stage, policy: str) -> None:
    if self._following:
      self.simulation.play(stage, policy)

  def state(self) -> dict[str, Any]:
    """What the panels show, as JSON types: choices, chosen values, quantities, reward terms, statistics, curves."""
    simulation, snapshot = self.simulation, self.simulation.snapshot
    returns = list(self.rewards.returns)
    return {
      'policy': snapshot.policy,
      'policies': self.policies,
      'start': simulation.start_name,
      'starts': simulation.start_names,
      'envs': len(snapshot.qpos),
      'env': snapshot.selected,
      'paused': snapshot.paused,
      'speed': snapshot.speed,
      'real_time': round(simulation.real_time, 3),
      'time': round(float(snapshot.times[snapshot.selected]), 3),
      'command': [round(float(x), 3) for x in snapshot.command[snapshot.selected]],
      'steered': simulation.command is not None,
      'auto_reset': simulation.auto_reset,
      'quantities': rounded(simulation.series.last()),
      'reward': rounded(self.rewards.series.last()),
      'return': round(self.rewards.total, 2),
      'statistics': {
        **rounded(simulation.statistics),
        'mean_return': round(sum(returns) / len(returns), 2) if returns else None,
      },
      'videos': len(self.videos),
      'curves': {name: list(map(list, curve)) for name, curve in self.follower.curves.items()} if self.follower else {},
      'notice': simulation.notice,
    }


def note(stage: Stage) -> str:
  """What a user should know of a policy before steering it; '' if nothing."""
  if observes_commands(stage.task):
    return ''
  return f'{stage.name} was trained for one command and cannot observe another; follow can.'


def rounded(values: Mapping[str, float]) -> dict[str, float]:
  """The values with four digits after the point; those that are not finite are left out."""
  return {name: round(float(x), 4) for name, x in values.items() if math.isfinite(x)}


def bodies(stage: Stage) -> Sequence[str]:
  """Names of the bodies that can be pushed, by id from 1."""
  return [stage.model.body(i).name for i in range(1, stage.model.nbody)]
