"""Report cards during training and at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.files import read_json, write_json
from mjx_humanoid.core.run_folder import REPORT_FILE
from mjx_humanoid.playback.cards import NONE
from mjx_humanoid.playback.judge import judge_policy
from mjx_humanoid.run.listeners import Listener
from mjx_humanoid.run.progress import duration

if TYPE_CHECKING:
  from mjx_humanoid.run.loop import Loop

CARD_SEED = 20_000  # seed of start states of report cards; training seeds are usually smaller


class ReportCards(Listener):
  """Judges the policy every evaluation_interval steps and at the end; stops at a pass if stop_when_passed is set."""

  def __init__(self, started: float) -> None:
    """Args: started: when the process began, in seconds since the epoch."""
    self._started = started
    self.latest: dict[str, Any] = {}

  def on_start(self, loop: Loop) -> None:
    self._loop = loop

  def on_update(self, step: int, metrics: Mapping[str, float]) -> bool:
    loop = self._loop
    if loop.config.task.card == NONE or not loop.due(loop.config.evaluation_interval):
      return False
    loop.doing(f'judging the policy in C MuJoCo at step {step:,}')
    report = self._judge()
    loop.say(headline(report))
    loop.tell_card(report)
    return loop.config.stop_when_passed and report['passed']

  def final(self) -> dict[str, Any]:
    """The card of the final policy; empty where config.task.card is none."""
    if self._loop.config.task.card == NONE:
      self._loop.say('no report card: config.task.card=none')
      return {}
    if self.latest.get('timesteps') != self._loop.step:
      self._loop.doing('judging the final policy in C MuJoCo')
      self._judge()
    return self.latest

  def _judge(self) -> dict[str, Any]:
    loop, config, policy = self._loop, self._loop.config, self._loop.policy()
    report = judge_policy(policy, config.evaluation_episodes, CARD_SEED)
    report |= {
      'timesteps': loop.step,
      'training_seconds': round(time.time() - self._started, 1),
      'info': policy.info,
    }
    write_json(loop.folder / REPORT_FILE, report, 'the report card')
    self.latest = report
    return report


def judged_at(folder: Path) -> int | None:
  """The environment step of the last report card of a run, if there is one."""
  try:
    return int(read_json(folder / REPORT_FILE, 'report card')['timesteps'])
  except (UserError, KeyError, TypeError, ValueError):
    return None


def headline(report: Mapping[str, Any]) -> str:
  """A report card in one line."""
  verdict = 'passed' if report['passed'] else 'not passed'
  mean = f', mean return {report["episode_return"]:,.0f}' if 'episode_return' in report else ''
  return (
    f'report card {report["card"]!r} at step {report["timesteps"]:,}: {report["success_rate"]:.0%} of'
    f' {report["episodes"]} episodes{mean}, {verdict} (after {duration(report["training_seconds"])})'
  )
