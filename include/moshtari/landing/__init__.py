"""Landing: what sources yield goes into append-only `raw`, what is bad into `quarantine`."""
