"""What can be transferred from."""
