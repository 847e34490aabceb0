"""Tests the claims of Baldi, Sadowski and Lu (arXiv 1612.02734): on MNIST, `make paper`, `make paper-quick` and, at the
paper's length, `make paper-full`; and on CIFAR-10, `make paper-cifar` and, with the paper's network,
`make paper-cifar-night`.

    studies       which experiments, which claims, on which page
    experiments   what stands in scenarios/paper/*.toml: an experiment a file, and its variants
    campaign      makes the runs, as sweeps: learning rates are tuned first, then come the runs that count
    speed         how long runs take, by a short probe
    record        on what machine, in what time
    statistics    means, differences and their 95 % intervals
    outcomes      the table, read as an accuracy a seed for each variant
    claims        what a claim is, the questions by which it is judged, and the verdict
    mnist         what is claimed about MNIST, the tests and their margins
    cifar10       the same about CIFAR-10
    figures       a picture of all variants, and one an experiment
    page          docs/results.md and, for the other studies, docs/results-*.md
"""
