"""Exhaustive exploration: the real core against a small broker that may do anything."""
