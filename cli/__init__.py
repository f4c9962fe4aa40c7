"""What the command line does, a module a command. Only these modules and `paper_repro.py` print."""
