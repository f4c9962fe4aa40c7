"""Files, tensors, devices, processes and the one form of error message."""
