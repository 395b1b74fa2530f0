"""Ticks in files of every kind that is read, as blocks of columns."""
