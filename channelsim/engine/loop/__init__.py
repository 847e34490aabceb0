"""When something happens: the event loop and its heap, frames in flight, and the steps that follow from an event.

May import `layers`, `channel`, `kernels`, `tables` and `compile`.
"""
