"""The ``engine`` command; see ``main``."""

from engine.cli.main import main as main
