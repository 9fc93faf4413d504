"""`python -m taxiway.cli`: the same as `taxiway`."""

from taxiway.cli import main

main()
