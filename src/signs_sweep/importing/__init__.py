"""Turning pictures of other people into a dataset."""
