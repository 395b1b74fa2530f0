"""Whole engines at a simulated TWS in virtual time, with everything wrong that a seed says."""
