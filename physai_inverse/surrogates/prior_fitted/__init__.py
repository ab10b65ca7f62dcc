"""A prior-data fitted network: trained once on synthetic landscapes, it reads a table and answers at once.

`recipe` is the door; `benchmarks/pretraining/` beside the package holds the prior and trains the weights.
"""
