"""What comes in: prediction signals, from wherever they come."""
