"""Bringing a pipeline up to date: what may start when, commands as processes, and their results recorded."""
