"""The command line: `evalkit tasks`, `evalkit cache`, `evalkit score`, `evalkit demo`."""

from evalkit.cli.main import main as main
