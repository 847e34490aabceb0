"""A data set of one's own with one-hot labels, in an .npz file."""

import numpy as np

import channelsim as cs

rng = np.random.default_rng(1)
y = rng.integers(3, size=1000)
x = rng.normal(size=(1000, 8)) + 2 * np.eye(8)[y]
one_hot = np.eye(3)[y]
np.savez("one-hot.npz", train_x=x[:800], train_y=one_hot[:800], test_x=x[800:], test_y=one_hot[800:])

scenario = cs.Scenario(
    name="one-hot",
    model={"name": "small", "input": [8], "layers": [{"kind": "dense", "units": 3, "transfer": "softmax"}]},
    data={"name": "one-hot.npz"},
    training={"epochs": 5, "batch": 10},
)
print(cs.check(scenario).found)
print(cs.run(scenario, force=True))
