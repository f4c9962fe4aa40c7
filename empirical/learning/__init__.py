"""The classifiers and how they are trained and scored."""
