"""The whole engine over recorded ticks in virtual time, and what came of it."""
