"""What a journal amounts to: its trades, figures of them, and pictures."""
