"""Methods that learn from several labeled domains for one that they have not seen."""
