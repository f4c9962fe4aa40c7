"""The numbers printed in the paper, and its tables with the reader's own runs beside them."""
