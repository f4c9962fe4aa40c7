"""Eight lessons, from a curve to a claim: marimo notebooks, which are plain Python files.

    deliberate-practice learn            # the lessons: number, question, minutes, file
    deliberate-practice learn 1          # open lesson 1 in the browser

A lesson is `NN_name.py`; the first line of its docstring has number, question and minutes, for `lessons.catalogue`. It
asks for predictions (`prediction_x = None`) before it shows results, and for answers (`x = None`) that an
`lessons.exercise.Exercise` checks; `lessons.desk` shows both, in the browser or, where the file runs as a script, as
text. Pictures use `lessons.picture`. Every lesson has a function `exercises()` with all its exercises by name.
"""
