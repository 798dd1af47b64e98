"""One file per inference engine; `choice` picks among them."""
