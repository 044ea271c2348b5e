"""The flight computer's arithmetic."""


def altitude(seconds, acceleration):
    """Height in metres after some seconds of constant acceleration."""
    return acceleration * seconds**2 / 2


def stages_left(burned, stages=2):
    """How many stages are still attached."""
    return stages - burned


def parse_command(text):
    """'pitch 12.5' as ('pitch', 12.5)."""
    name, value = text.split(" ")
    return name, float(value)
