"""The observables, one file a group; a function here is found by its name, and its docstring is its definition."""
