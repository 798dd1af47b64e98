"""One file a verb: the public Python API, which the command line calls. `headstart.NAME` loads them on first use."""
