"""Simulators of physical systems: pure functions from a seed and sizes to arrays."""

from mpp.simulate.registry import SYSTEMS, system
from mpp.simulate.system import Field, System

__all__ = ["SYSTEMS", "Field", "System", "system"]
