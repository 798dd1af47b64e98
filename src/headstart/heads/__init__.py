"""Closed forms on features: ridge, logistic regression, label propagation, kernel map, temperature."""
