"""Bytes by content: hashing, object store, directory manifests, stat index, links, remotes, transfer, artifacts."""
