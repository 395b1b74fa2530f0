"""Many backtests: over settings, symbols, days, seeds and latencies."""
