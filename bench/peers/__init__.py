"""Programs that run in processes of their own: one sends, the others receive."""
