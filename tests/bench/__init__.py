"""`make bench`: the portal beside the plain floor, in one run, by ratios. `python -m tests.bench --help`."""
