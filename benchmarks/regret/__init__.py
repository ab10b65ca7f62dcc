"""Normalised regret of what tuners recommend, ours against peers, on tables of real trainings and formulas."""
