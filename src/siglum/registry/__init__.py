"""Registered models, versions, aliases, stages, rollback and the audit log of every change to them."""
