"""Types, errors, findings, records, seeds and the catalog. Imports nothing else of headstart."""
