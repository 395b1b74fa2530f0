"""What was recorded, decided once more: by this version of the engine, and by another one."""
