"""Transfer or scratch: the schedule of trials, their comparison, the verdict and its wording."""
