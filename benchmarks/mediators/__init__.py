"""Whether observing helps: early values that tell of the end, and what stopping by them saves."""
