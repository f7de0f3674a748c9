"""What the tests of start states share."""

N = 4000  # start states that are drawn
FEW = 24  # of those that physics must settle


def joint(body, name):
  """Where in qpos a joint of the humanoid is."""
  return 7 + body.joint_index(name)
