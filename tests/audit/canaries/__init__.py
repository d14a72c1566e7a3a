"""The canary sweep: a whole installation is told secrets that can be recognised, and everything it wrote or answered is
searched for them.

`table.py` says which secrets there are and where each may appear at all, `house.py` starts the installation, `story/`
is what people do in it, `places.py` gathers what it wrote, `searching.py` finds a secret in whatever form.
"""
