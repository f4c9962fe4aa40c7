"""The decisions of Algorithm 1: when to add data, which candidates to keep, what to watch."""
