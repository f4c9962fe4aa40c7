"""The commands of the command line, one module each. Only these modules and `paper_repro.py` print."""
