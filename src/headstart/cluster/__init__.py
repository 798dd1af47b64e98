"""A cluster: the steps of a run on the machines of Ray, and what that is worth before a machine is rented."""
