"""Floor 3: losses, pure functions of tensors, one file each. Cross-entropy is torch's own, so there are none yet."""
