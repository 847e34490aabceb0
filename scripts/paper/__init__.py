"""Tests the claims of Baldi, Sadowski and Lu (arXiv 1612.02734) about MNIST: `make paper`, `make paper-quick`.

    experiments   what stands in scenarios/paper/*.toml: an experiment a file, and its variants
    campaign      makes the runs, as sweeps: learning rates are tuned first, then come the runs that count
    record        on what machine, in what time
    statistics    means, differences and their 95 % intervals
    outcomes      the table, read as an accuracy a seed for each variant
    claims        what is claimed, by which test it is judged, and the verdict
    figures       a picture an experiment
    page          docs/results.md
"""
