"""The forward map on held-out rows of public tables, beside other regressors that say how sure they are."""
