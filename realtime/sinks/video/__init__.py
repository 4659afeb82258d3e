"""The annotated video: pictures, times and sound of the input."""
