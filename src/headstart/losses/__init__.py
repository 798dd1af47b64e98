"""Floor 3: losses, pure functions of tensors, one file each."""
