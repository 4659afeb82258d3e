"""The annotated video, with the time stamps and the audio of the input."""
