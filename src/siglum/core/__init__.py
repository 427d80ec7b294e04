"""Values and rules that everything else stands on: errors, hashes, names, URIs, time.

Nothing here touches the disk, the network or a third-party package other than msgspec.
"""
