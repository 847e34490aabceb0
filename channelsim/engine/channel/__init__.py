"""What a message goes through: encode, transmit, receive, record; stages, quantizers, links, packing.

May import `kernels`, `tables` and `compile`.
"""
