"""Makes tests/run/points.py importable: a training without physics."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / 'run'))
