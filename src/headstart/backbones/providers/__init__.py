"""One file per place that weights come from; the folder is the registry."""
