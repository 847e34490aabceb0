"""Tests the claims of Baldi, Sadowski and Lu (arXiv 1612.02734): on MNIST, `make paper` and `make paper-quick`, and on
CIFAR-10, `make paper-cifar`.

    studies       the two: which experiments, which claims, on which page
    experiments   what stands in scenarios/paper/*.toml: an experiment a file, and its variants
    campaign      makes the runs, as sweeps: learning rates are tuned first, then come the runs that count
    record        on what machine, in what time
    statistics    means, differences and their 95 % intervals
    outcomes      the table, read as an accuracy a seed for each variant
    claims        what is claimed about MNIST, by which test it is judged, and the verdict
    cifar10       the same about CIFAR-10
    figures       a picture an experiment
    page          docs/results.md, docs/results-cifar10.md
"""
