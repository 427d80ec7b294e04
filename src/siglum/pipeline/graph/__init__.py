"""A repository's stages as one graph: which needs which, and the graph as people look at it."""
