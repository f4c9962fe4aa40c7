"""Tables 1 to 5 of the paper, its workshop precursor, and the ways of guidance, as dot plots and Markdown."""
