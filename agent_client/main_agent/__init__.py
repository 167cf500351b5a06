"""The daemon of a host: one file per loop and per verb. It starts sub agents; neither depends on the other living."""
