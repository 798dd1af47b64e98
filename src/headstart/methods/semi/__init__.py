"""Methods that learn from unlabeled images as well."""
