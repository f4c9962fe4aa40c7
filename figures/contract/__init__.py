"""Define the contract of every figure: the type of a figure, the tidy table, and averages over seeds."""
