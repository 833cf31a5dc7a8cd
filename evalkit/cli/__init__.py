"""The command line: `evalkit tasks`, `evalkit score`, `evalkit demo`."""

from evalkit.cli.main import main as main
