"""Real data and stored samples: labelled splits, folders of images, samples as bytes."""
