"""What a project of the studio keeps: the list of recordings, and the labels."""
