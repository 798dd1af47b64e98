"""Model selection for a target without labels: which of many adapted models predict, the unadapted model among them."""
