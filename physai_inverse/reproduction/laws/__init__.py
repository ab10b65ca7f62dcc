"""The laws, a file for each phenomenon; a file holds `LAWS`, a tuple of `Law`."""
