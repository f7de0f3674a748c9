"""Protects the list of sensors: names and widths as in the compiled model, units by kind, slides told from hinges."""

from __future__ import annotations

import mujoco
import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.sensors import KINDS, Sensor, describe_sensors

MODEL = """
<mujoco>
  <worldbody>
    <body name="cart">
      <joint name="rail" type="slide" axis="1 0 0"/>
      <geom size="0.1"/>
      <site name="seat"/>
      <body name="pole">
        <joint name="hinge" axis="0 1 0"/>
        <geom size="0.1"/>
      </body>
    </body>
  </worldbody>
  <sensor>
    <jointpos name="rail_pos" joint="rail"/>
    <jointvel name="hinge_vel" joint="hinge"/>
    <touch name="load" site="seat"/>
    <framequat name="pole_turn" objtype="body" objname="pole"/>
    <subtreecom name="com" body="cart"/>
    <clock name="now"/>
  </sensor>
</mujoco>
"""


def test_width_unit_and_meaning_by_hand():
  assert describe_sensors(mujoco.MjModel.from_xml_string(MODEL)) == {
    'rail_pos': Sensor(1, 'm', 'position of joint rail'),
    'hinge_vel': Sensor(1, 'rad/s', 'velocity of joint hinge'),
    'load': Sensor(1, 'N', 'sum of the normal contact forces on body cart'),
    'pole_turn': Sensor(4, 'unit quaternion', 'orientation of pole'),
    'com': Sensor(3, 'm', 'centre of mass of all bodies from cart'),
    'now': Sensor(1, '', 'MuJoCo sensor clock'),
  }


def test_every_kind_is_one_of_mujoco():
  assert set(KINDS) <= {int(kind) for kind in mujoco.mjtSensor.__members__.values()}


def test_a_model_without_sensors_is_refused():
  with pytest.raises(UserError, match='no sensors'):
    describe_sensors(mujoco.MjModel.from_xml_string('<mujoco/>'))
