"""A month of a manifest's jobs in a second: the real runner, ledger, locks and retries, on a clock that is moved."""

from rota.testing.simulation.runs import SimulatedAttempt, SimulatedRun
from rota.testing.simulation.simulation import Simulation, simulate

__all__ = ["SimulatedAttempt", "SimulatedRun", "Simulation", "simulate"]
