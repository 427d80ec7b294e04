"""One script per claim: each runs Siglum and its peer side by side on the same input and prints both and the ratio."""
