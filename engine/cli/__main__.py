"""``python -m engine.cli`` is the ``engine`` command."""

from engine.cli.main import main

main()
