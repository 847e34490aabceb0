"""What a layer does: dispatch by kind, the kinds, inputs, errors, learning, deferred updates, prediction.

May import `channel`, `kernels`, `tables`, `compile` and `config`.
"""
