"""Which labeled source domains help a target."""
