"""`python -m veeamcheck` is the same as `veeamcheck`."""

from veeamcheck.cli import main

main()
