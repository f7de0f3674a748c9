"""The loop of the live view: steps environments in real time, ends and begins episodes, publishes snapshots.

It runs in one thread; `simulation.Simulation` starts it and hands it the requests of others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mjx_humanoid.physics.model import same_model
from mjx_humanoid.playback.chain import Stage
from mjx_humanoid.playback.rollout import Frame
from mjx_humanoid.viewer.gauges import QUANTITIES, SECONDS, Series, Statistics, quantities
from mjx_humanoid.viewer.live_env import LiveEnv
from mjx_humanoid.viewer.pace import Pace
from mjx_humanoid.viewer.replay import Replay
from mjx_humanoid.viewer.snapshot import Snapshot
from mjx_humanoid.viewer.starts import OF_THE_TASK, StartDrawer
from mjx_humanoid.viewer.steering import Steering

INTERVAL = 0.01  # s of wall time between two snapshots: 100 a second
LYING = 1.0  # s between the end of an episode and the next start

Listener = Callable[[Frame, int], None]  # a control step of the selected environment, and the number of its episode


class Loop:
  """Environments under one policy, and what is recorded of the selected one."""

  def __init__(
    self,
    stage: Stage,
    policy: str,
    count: int,
    seed: int,
    interval: float,
    starts: StartDrawer,
    publish: Callable[[Snapshot], None],
    call: Callable[[Callable[[], None]], None],
  ) -> None:
    """Nothing is simulated yet.

    Args:
      policy: what the user calls it.
      count: number of environments.
      interval: s of wall time, least between two snapshots of one control step.
      publish: called with every snapshot.
      call: has a function called in the thread of the loop, from any other thread.
    """
    self.steering, self.statistics, self.pace = Steering(), Statistics(), Pace()
    self.auto_reset, self.start_name = True, OF_THE_TASK
    self.paused, self.singles, self.selected = False, 0, 0
    self.listeners: list[Listener] = []
    self._interval, self._starts, self._publish, self._call = interval, starts, publish, call
    self._rng = np.random.default_rng(seed)
    self._number, self._generation, self._simulated, self._episode = 0, -1, 0.0, 0
    self._set_up(stage, policy, count)

  def _set_up(self, stage: Stage, policy: str, count: int) -> None:
    self.stage, self.policy = stage, policy
    self._generation += 1
    self.envs = [LiveEnv(stage, self.steering, rng) for rng in self._rng.spawn(count)]
    self._over = [0.0] * count  # s since the end of the episode; 0 while it lasts
    self._awaited: set[int] = set()  # environments whose next start state is being drawn
    self._pushes = np.zeros((count, 3))
    self._record()
    self.begin_all()

  def _record(self) -> None:
    step = self.stage.task.body.control_step
    self.series = Series(QUANTITIES, max(2, round(SECONDS / step)))
    self.replay = Replay(self.stage)

  def take(self, stage: Stage, policy: str) -> None:
    """Takes another policy; the robots go on from where they are if it is of the same model."""
    if not same_model(stage.task.body.robot, self.stage.task.body.robot):
      self._set_up(stage, policy, len(self.envs))
      self.publish(-1)
      return
    self.stage, self.policy = stage, policy
    for env in self.envs:
      env.continue_with(stage)
    self._over = [0.0] * len(self.envs)  # else a policy that gets up would be reset before it can
    self._record()
    self._episode += 1
    self.publish(-1)  # before the next frame, whose listeners look up the task in the snapshot

  def select(self, env: int) -> None:
    """Makes another environment the one that is recorded."""
    self.selected = env
    self._record()

  def begin_all(self) -> None:
    """Begins new episodes in all environments, as soon as their start states are drawn."""
    for i in range(len(self.envs)):
      self.begin(i)

  def begin(self, i: int) -> None:
    """Begins a new episode in an environment."""
    stage, env = self.stage, self.envs[i]

    def drawn(qpos: np.ndarray, qvel: np.ndarray) -> None:
      def reset() -> None:
        if i < len(self.envs) and self.envs[i] is env:  # else another robot was taken meanwhile
          env.reset(qpos, qvel)
          self._over[i] = 0.0
          self._awaited.discard(i)
          self._episode += i == self.selected
          self.publish(-1)

      self._call(reset)

    self._awaited.add(i)
    self._starts.draw(stage, self.start_name, drawn)

  def push(self, force: float, angle: float, body: int | None, seconds: float) -> None:
    """Pushes the selected robot. See Simulation.push."""
    env = self.envs[self.selected]
    where = np.arctan2(env.facing[1], env.facing[0]) + angle
    target = env.task.body.root.body if body is None else body
    env.push(target, force * np.array([np.cos(where), np.sin(where), 0.0]), seconds)

  def turn(self) -> bool:
    """Simulates and publishes one control step in real time. Returns False at once if time stands still."""
    if self.paused and not self.singles:
      self.pace.restart()
      return False
    seconds = self.stage.task.body.control_step
    begun = self.pace.begin(seconds)
    for i in range(len(self.envs)):
      self._step(i)
    self._simulated += seconds
    if self.singles:
      self.singles -= 1
      self.publish(-1)
    else:
      self._show(begun, seconds / self.pace.speed)
    return True

  def _step(self, i: int) -> None:
    """One control step of an environment; ends its episode if that is over."""
    env, body = self.envs[i], self.stage.task.body
    by_hand = np.sum([push.force for push in env.pushes], axis=0) if env.pushes else np.zeros(3)
    frame = env.step()
    self._pushes[i] = frame.push[0]
    if i == self.selected:
      with np.errstate(over='ignore', invalid='ignore'):  # of a robot that diverges
        self.series.add(self._simulated, quantities(frame, body))
      self.replay.add(frame, frame.push[0] + by_hand)
      for listener in self.listeners:
        listener(frame, self._episode)
    if self._over[i]:
      self._over[i] += body.control_step
      if self.auto_reset and self._over[i] > LYING and i not in self._awaited:
        self.begin(i)
    elif frame.terminated[0]:
      self.statistics.ended(env.steps * body.control_step)
      self._over[i] = body.control_step
    if not np.isfinite(env.motion.qpos).all():  # after its length was counted
      env.reset(body.default_qpos.astype(float), np.zeros(body.nv))

  def _show(self, begun: float, duration: float) -> None:
    """Publishes states on the way when their time has come, and always the last one."""
    physics = len(self.envs[0].motion.qpos)
    count = min(physics, max(1, int(duration / self._interval)))
    for k in range(1, count + 1):
      row = -(-k * physics // count) - 1  # rounded up
      on_time = self.pace.wait_until(begun + (row + 1) * duration / physics)
      if on_time or k == count:
        self.publish(row)

  def publish(self, row: int) -> None:
    """Publishes the states after physics step `row` of the latest control step."""
    self._number += 1
    self._publish(self.snapshot(row))

  def snapshot(self, row: int) -> Snapshot:
    """The state of all environments after physics step `row` of the latest control step."""
    envs, body = self.envs, self.stage.task.body
    step = body.control_step
    contexts = [env.context for env in envs]
    return Snapshot(
      number=self._number,
      generation=self._generation,
      stage=self.stage,
      policy=self.policy,
      seconds=self._simulated,
      times=np.array([env.steps * step for env in envs]),
      qpos=np.stack([env.motion.qpos[row] for env in envs]),
      qvel=np.stack([env.motion.qvel[row] for env in envs]),
      ctrl=np.stack([env.ctrl for env in envs]),
      command=np.stack([context.requested[0] for context in contexts]),
      heading=np.stack([context.heading[0] for context in contexts]),
      task_push=self._pushes.copy(),
      selected=self.selected,
      hand_pushes=tuple(env.pushes for env in envs),
      paused=self.paused,
      speed=self.pace.speed,
    )
