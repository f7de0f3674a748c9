"""The training loop: iterate, log, save, judge, until the budget is spent or a person says stop."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import jax

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import write_json
from mjx_humanoid.playback.find import POLICY_FILE, load
from mjx_humanoid.playback.judge import judge_policy
from mjx_humanoid.playback.policy import Policy, save_policy
from mjx_humanoid.rl.algorithm import Metrics
from mjx_humanoid.rl.collect import Collected
from mjx_humanoid.run.checkpoint import Arrays, CheckpointStore, unflatten
from mjx_humanoid.run.logger import MetricsLogger
from mjx_humanoid.run.policies import from_policy, to_policy
from mjx_humanoid.run.progress import Progress, duration
from mjx_humanoid.run.setup import Setup
from mjx_humanoid.run.trainer import Trainer, TrainState

REPORT_FILE = 'report.json'
CARD_SEED = 20_000  # starts of report cards differ from those of any training seed below this

OnVideo = Callable[[Policy, int], None]  # called with the policy and the environment step
OnMetrics = Callable[[int, Mapping[str, float]], None]  # called with the environment step and what was measured


class StopRequest:
  """Turns the first Ctrl-C (or SIGTERM) into a wish to stop; the second one stops at once."""

  def __init__(self) -> None:
    self.wanted = False
    self._before: dict[int, Any] = {}

  def __enter__(self) -> StopRequest:
    for number in (signal.SIGINT, signal.SIGTERM):
      try:
        self._before[number] = signal.signal(number, self._handle)
      except ValueError:  # not in the main thread: whoever runs the thread handles signals
        break
    return self

  def __exit__(self, *error: object) -> None:
    for number, handler in self._before.items():
      signal.signal(number, handler)

  def _handle(self, number: int, frame: FrameType | None) -> None:
    if self.wanted:
      raise KeyboardInterrupt
    self.wanted = True


@dataclass
class Loop:
  """One training in one folder."""

  setup: Setup
  folder: Path
  on_video: OnVideo | None = None
  started: float = field(default_factory=time.time)  # of the process, for the report
  on_metrics: OnMetrics | None = None

  def __post_init__(self) -> None:
    config = self.setup.config
    self.trainer = Trainer(self.setup)
    self.store = CheckpointStore(self.folder / 'checkpoints', config.keep_checkpoints)
    self.iterations = math.ceil(config.total_timesteps / self.trainer.steps_per_iteration)
    self._score = -math.inf
    self._diverged, self._told = 0, 1  # worlds in all; from how many on they are told of again

  def begin(self, resume: bool = False) -> TrainState:
    """A fresh training, or the latest checkpoint's.

    Raises:
      UserError: there is no checkpoint, it does not fit or was altered, or the budget is spent.
    """
    if not resume:
      source = self.setup.config.init_from
      return self.trainer.start(from_policy(load(source), self.setup.config) if source else None)
    state = self._restore()
    if state.iteration >= self.iterations:
      done = state.iteration * self.trainer.steps_per_iteration
      raise UserError(
        f'this run has reached its {done:,} steps; give it more with --config.total_timesteps={2 * done}.'
      )
    return state

  def run(self, state: TrainState) -> dict[str, Any]:
    """Trains to the end of the budget.

    Returns:
      The report card of the final policy, which is also in the run's folder.

    Raises:
      UserError: the disk is full; what was saved before stays.
    """
    config = self.setup.config
    done = state.iteration * self.trainer.steps_per_iteration
    total = self.iterations * self.trainer.steps_per_iteration
    report: dict[str, Any] = {}
    with (
      StopRequest() as stop,
      Progress(total, done) as progress,
      MetricsLogger(self.folder, done, progress.say) as logger,
    ):
      progress.doing('compiling')
      while state.iteration < self.iterations and not stop.wanted:
        if self.trainer.begins_anew(state.iteration):
          progress.say(f'training begins anew at step {done:,}, from the policy so far (config.restart_interval).')
        before, (state, metrics) = done, self.trainer.step(state)
        done = state.iteration * self.trainer.steps_per_iteration
        self._notice(metrics, done, logger, progress, state.iteration)
        if due(config.render_interval, before, done, total) and self.on_video:
          self.on_video(to_policy(self.setup, state.learner, done), done)
        if due(config.checkpoint_interval, before, done, total):
          self._save(state, done)
        if due(config.evaluation_interval, before, done, total):
          progress.doing(f'judging the policy in C MuJoCo at step {done:,}')
          report = self._judge(to_policy(self.setup, state.learner, done), done)
          progress.say(headline(report))
          logger.write(done, {'card/success_rate': report['success_rate']})
          if config.stop_when_passed and report['passed']:
            break
      progress.doing('saving')
      self._save(state, done)
      stopped = stop.wanted and state.iteration < self.iterations
      if report.get('timesteps') != done and not stopped:
        progress.doing('judging the final policy in C MuJoCo')
        report = self._judge(to_policy(self.setup, state.learner, done), done)
      report['stopped_early'] = stopped
    return report

  def _notice(self, metrics: Metrics, done: int, logger: MetricsLogger, progress: Progress, iteration: int) -> None:
    values = {name: float(value) for name, value in jax.device_get(metrics).items()}
    values['steps_per_second'] = progress.steps_per_second
    if values['episodes']:
      share = 0.1 if math.isfinite(self._score) else 1.0
      self._score = (1 - share) * (self._score if share < 1 else 0.0) + share * values['episode_return']
    if iteration % self.setup.config.log_interval == 0:
      logger.write(done, values)
    self._diverged += round(values['diverged'])
    if self._diverged >= self._told:  # not once for each: among wide starts there are some in every million steps
      self._told = 2 * self._diverged
      progress.say(f'worlds that diverged up to step {done:,} and were started anew: {self._diverged:,}')
    if values.get('skipped'):
      progress.say(f'{values["skipped"]:.0f} minibatches gave no finite gradient at step {done:,}; they were left out.')
    progress.update(done, values)
    if self.on_metrics:
      self.on_metrics(done, values)

  def _judge(self, policy: Policy, done: int) -> dict[str, Any]:
    config = self.setup.config
    report = judge_policy(policy, config.evaluation_episodes, CARD_SEED)
    report |= {'timesteps': done, 'training_seconds': round(time.time() - self.started, 1), 'info': policy.info}
    write_json(self.folder / REPORT_FILE, report, 'the report card')
    return report

  def _save(self, state: TrainState, done: int) -> None:
    config = self.setup.config
    # Returns at other levels of a curriculum do not compare: there the latest is taken for the best.
    comparable = config.curriculum == 'none' and not config.restart_interval
    self.store.save(done, self._tree(state), self._score if comparable else -math.inf)
    save_policy(to_policy(self.setup, state.learner, done), self.folder / POLICY_FILE)

  def _tree(self, state: TrainState) -> dict[str, Any]:
    """Everything that the rest of the training depends on."""
    return {
      'learner': state.learner,
      'env': state.carry.env,
      'env_key': state.carry.key,
      'key': state.key,
      'physics': self.setup.env.engine.pack(state.carry.physics),
      'iteration': state.iteration,
      'score': self._score,
    }

  def _restore(self) -> TrainState:
    saved, arrays, path = self.store.load()
    state = self._from_arrays(arrays, path)
    if saved != state.iteration * self.trainer.steps_per_iteration:
      raise UserError(
        f'config.ppo.unroll_length={self.setup.algorithm.unroll_length} is not that of the run; leave it, or start a'
        f' new run with --config.init_from={self.folder}.'
      )
    return state

  def _from_arrays(self, arrays: Arrays, path: Path) -> TrainState:
    tree = unflatten(self._tree(self.trainer.start()), arrays, path)
    self._score = float(tree['score'])
    physics = self.setup.env.engine.unpack(tree['physics'])
    learner, env = jax.tree.map(jax.numpy.asarray, (tree['learner'], tree['env']))
    env_key, key = jax.numpy.asarray(tree['env_key']), jax.numpy.asarray(tree['key'])
    return TrainState(learner, Collected(physics, env, env_key), key, int(tree['iteration']))


def due(interval: int, before: int, now: int, total: int) -> bool:
  """Whether a multiple of `interval` was reached between two counts; not at the end, where all is done anyway."""
  return interval > 0 and before // interval < now // interval and now < total


def headline(report: dict[str, Any]) -> str:
  """A report card in one line."""
  verdict = 'passed' if report['passed'] else 'not passed'
  return (
    f'report card {report["card"]!r} at step {report["timesteps"]:,}: {report["success_rate"]:.0%} of'
    f' {report["episodes"]} episodes, {verdict} (after {duration(report["training_seconds"])})'
  )
