"""Attribution: where in a picture a model looked, whether that holds, and which training images speak for its answer."""
