"""Normalised regret of what a tuner recommends, ours against its peers, on tables of real trainings and formulas."""
