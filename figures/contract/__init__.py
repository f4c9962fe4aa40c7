"""What every figure keeps to: the type of a figure, the tidy table, and averages over seeds."""
