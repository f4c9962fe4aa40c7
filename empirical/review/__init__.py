"""Check finished runs and generators again, and show their pools."""
