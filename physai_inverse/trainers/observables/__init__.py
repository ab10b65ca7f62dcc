"""Observables: numbers that describe a network, its activations, gradients, curvature and learning curves.

Plain functions, one file a group. The definition, its variant, its source, its unit and its cost stand with
each; each is held to a value that is known. Cost: 0 free, 1 a forward pass, 2 a backward pass, 3 tens of
backward passes, 4 dense linear algebra.
"""
