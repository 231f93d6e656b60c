"""Annotators with a network: they read depth and poses out of photos, from files that lie on this machine."""
