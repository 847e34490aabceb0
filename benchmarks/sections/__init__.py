"""The parts of the benchmark, each a `measure(settings) -> Section`."""
