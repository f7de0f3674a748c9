"""Shared by the benchmarks: a description of the machine, and result files."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / 'results'


def machine() -> dict[str, Any]:
  """Date, processor, cores, accelerator and versions."""
  import jax

  from mjx_humanoid.run.policies import versions

  model = platform.processor() or platform.machine()
  cpuinfo = Path('/proc/cpuinfo')
  if cpuinfo.exists():  # of the first core; virtual machines may give only the family
    lines = [line.split(':', 1) for line in cpuinfo.read_text().split('\n\n')[0].splitlines() if ':' in line]
    about = {key.strip(): value.strip() for key, value in lines}
    model = about.get('model name', model)
    if 'cpu family' in about:
      model += f' (family {about["cpu family"]}, model {about.get("model", "unknown")})'
  device = jax.devices()[0]
  return {
    'date': datetime.date.today().isoformat(),
    'processor': model,
    'cores': len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count(),
    'accelerator': device.device_kind if device.platform != 'cpu' else None,
    'versions': versions(),
  }


def save(name: str, result: dict[str, Any], *, silently: bool = False) -> Path:
  """Writes benchmarks/results/<name>.json with a description of the machine, and returns its path."""
  RESULTS.mkdir(exist_ok=True)
  path = RESULTS / f'{name}.json'
  path.write_text(json.dumps({'machine': machine(), **result}, indent=2) + '\n')
  if not silently:
    print(f'wrote {path}', flush=True)
  return path
