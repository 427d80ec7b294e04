"""Live updates: what the server's writes change, told to whoever listens, as server-sent events."""
