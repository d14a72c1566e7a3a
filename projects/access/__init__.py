"""Who reaches what: facts, one pure rule over them, and what is built on it.

`facts` are plain values, `reaches` is the rule, `loading` reads the facts that somebody may see, `differences` compares.
Matrix, explanation, simulation and snapshots all ask `reaches`; none has a rule of its own.
"""
