"""The same simulation in PyTorch, message by message, written to be read: the engine is held against it.

    ref = reference.start(plan, dataset)
    reference.advance(ref, until_frame=20)
    loss, accuracy = reference.evaluate(ref, dataset.test_x, dataset.test_y)

It reads the same plan and draws from the same hash as the engine, and shares no other code with it.

- `simulate`: the event loop, frames and layers;
- `channels`: one frame's messages on one channel, through `stages` and `clock`;
- `rules`: from message to error, and the updates;
- `layers`: what a layer kind does, `dense`, `conv2d`, `pool`; `transfer`: f, f' and the losses;
- `augment`: training images mirrored and moved;
- `quantizers`, `words`, `draws`: values in few bits, their code words, and the hash for a whole frame.
"""

from channelsim.reference.evaluate import evaluate
from channelsim.reference.simulate import advance, step
from channelsim.reference.state import State, start

__all__ = ["State", "advance", "evaluate", "start", "step"]
