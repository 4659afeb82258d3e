"""A few labels of one's own recordings -> a model that knows them, in seconds. The networks stay as they are."""
