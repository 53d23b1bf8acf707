"""What the benchmarks of landing share: a server, what is landed, how it is measured and told."""
