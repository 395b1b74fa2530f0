"""The latency suite; see README.md for how its figures are taken."""
