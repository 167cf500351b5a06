"""The network: token vectors, one gated recurrent layer, and the token vectors again to score what comes next.
Forward pass, loss and gradients written out in numpy. Does not train (adam.py, train.py) and keeps no state of its own.

Shapes: T tokens of the window, B streams, D width of a token's vector, H width of the state, V vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lm.settings import Size

Array = NDArray[np.floating]
Tokens = NDArray[np.integer]
Weights = dict[str, Array]


def new_weights(size: Size, random: np.random.Generator) -> Weights:
    """Weights of a network that knows nothing yet. Each matrix starts with a scale that keeps values near one."""
    vocabulary, width, hidden = size.vocabulary, size.embedding, size.hidden

    def matrix(rows: int, columns: int, scale: float) -> Array:
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    return {
        "vectors": matrix(vocabulary, width, width**-0.5),
        "input": matrix(width, 3 * hidden, 1.0),
        "recurrent": matrix(hidden, 3 * hidden, hidden**-0.5),
        "gates": np.zeros(3 * hidden, np.float32),
        "output": matrix(hidden, width, hidden**-0.5),
        "bias": np.zeros(vocabulary, np.float32),
    }


def sigmoid(x: Array) -> Array:
    return 0.5 * np.tanh(0.5 * x) + 0.5


@dataclass
class Trace:
    """What the forward pass leaves for the backward pass."""

    tokens: Tokens  # (T, B)
    vectors: Array  # (T, B, D) of the tokens, after dropout
    vector_mask: Array | None
    states: Array  # (T + 1, B, H), the first is the state before the window
    gates: Array  # (T, B, 3H): keep, reset, candidate
    recurrent: Array  # (T, B, H): the recurrent part of the candidate before the reset gate
    state_mask: Array | None
    outputs: Array  # (T, B, D)


def step(weights: Weights, from_input: Array, state: Array) -> tuple[Array, Array, Array]:
    """One token further: the new state, its gates and the recurrent part of the candidate.

    The keep gate says how much of the old state stays, the reset gate how much of it the candidate sees."""
    hidden = state.shape[1]
    from_state = state @ weights["recurrent"]
    both = sigmoid(from_input[:, : 2 * hidden] + from_state[:, : 2 * hidden])
    keep, reset = both[:, :hidden], both[:, hidden:]
    recurrent = from_state[:, 2 * hidden :]
    candidate = np.tanh(from_input[:, 2 * hidden :] + reset * recurrent)
    new_state = candidate + keep * (state - candidate)
    return new_state, np.concatenate([both, candidate], axis=1), recurrent


def dropout_mask(shape: tuple[int, ...], share: float, random: np.random.Generator | None) -> Array | None:
    """Zero for the values to leave out, a little over one for the rest; None when nothing is left out."""
    if random is None or share == 0:
        return None
    return (random.random(shape, np.float32) >= share).astype(np.float32) / np.float32(1 - share)


def forward(
    weights: Weights, tokens: Tokens, state: Array, dropout: float = 0.0, random: np.random.Generator | None = None
) -> Trace:
    """Read a window of `tokens` (T, B) from `state` (B, H). Without `random` nothing is dropped."""
    length, streams = tokens.shape
    hidden = state.shape[1]
    vectors = weights["vectors"][tokens]
    vector_mask = dropout_mask(vectors.shape, dropout, random)
    if vector_mask is not None:
        vectors = vectors * vector_mask
    from_input = vectors @ weights["input"] + weights["gates"]
    states = np.empty((length + 1, streams, hidden), state.dtype)
    gates = np.empty((length, streams, 3 * hidden), state.dtype)
    recurrent = np.empty((length, streams, hidden), state.dtype)
    states[0] = state
    for t in range(length):
        states[t + 1], gates[t], recurrent[t] = step(weights, from_input[t], states[t])
    state_mask = dropout_mask(states[1:].shape, dropout, random)
    read = states[1:] if state_mask is None else states[1:] * state_mask
    return Trace(tokens, vectors, vector_mask, states, gates, recurrent, state_mask, read @ weights["output"])


def scores(weights: Weights, outputs: Array) -> Array:
    """Logarithms of the probability of each token of the vocabulary, (..., V)."""
    raw = outputs @ weights["vectors"].T + weights["bias"]
    raw -= raw.max(axis=-1, keepdims=True)
    raw -= np.log(np.exp(raw).sum(axis=-1, keepdims=True))
    return raw


def losses(log_probabilities: Array, targets: Tokens) -> Array:
    """Surprise in nats at each target: the smaller the better."""
    return -np.take_along_axis(log_probabilities, targets[..., None].astype(np.intp), axis=-1)[..., 0]


def backward(weights: Weights, trace: Trace, targets: Tokens) -> tuple[float, Weights]:
    """Mean loss over the window and its gradient for every weight."""
    log_probabilities = scores(weights, trace.outputs)
    loss = float(losses(log_probabilities, targets).mean())
    error = np.exp(log_probabilities, out=log_probabilities)
    flat = error.reshape(-1, error.shape[-1])
    flat[np.arange(targets.size), targets.reshape(-1)] -= 1
    flat /= targets.size
    gradients, to_states = through_output(weights, trace, error)
    to_gates, to_recurrent = through_time(weights, trace, to_states)
    gradients |= {
        "recurrent": rows(trace.states[:-1]).T @ rows(to_recurrent),
        "input": rows(trace.vectors).T @ rows(to_gates),
        "gates": rows(to_gates).sum(axis=0),
    }
    to_vectors = to_gates @ weights["input"].T
    if trace.vector_mask is not None:
        to_vectors *= trace.vector_mask
    np.add.at(gradients["vectors"], trace.tokens.reshape(-1), rows(to_vectors))
    return loss, gradients


def rows(array: Array) -> Array:
    """Window and streams as one axis."""
    return array.reshape(-1, array.shape[-1])


def through_output(weights: Weights, trace: Trace, error: Array) -> tuple[Weights, Array]:
    """Gradients of the scoring part, and what it asks of the states (T, B, H)."""
    to_outputs = error @ weights["vectors"]
    read = trace.states[1:] if trace.state_mask is None else trace.states[1:] * trace.state_mask
    gradients = {
        "vectors": rows(error).T @ rows(trace.outputs),
        "bias": rows(error).sum(axis=0),
        "output": rows(read).T @ rows(to_outputs),
    }
    to_states = to_outputs @ weights["output"].T
    return gradients, to_states if trace.state_mask is None else to_states * trace.state_mask


def through_time(weights: Weights, trace: Trace, to_states: Array) -> tuple[Array, Array]:
    """Walk the window backwards: gradients before the gates, as seen from the input and from the recurrent matrix."""
    hidden = to_states.shape[-1]
    to_gates = np.empty_like(trace.gates)
    to_recurrent = np.empty_like(trace.gates)
    transposed = np.ascontiguousarray(weights["recurrent"].T)
    later = np.zeros_like(to_states[0])
    for t in reversed(range(len(to_states))):
        keep, reset, candidate = np.split(trace.gates[t], 3, axis=1)
        to_state = to_states[t] + later
        to_candidate = to_state * (1 - keep) * (1 - candidate * candidate)
        to_keep = to_state * (trace.states[t] - candidate) * keep * (1 - keep)
        to_reset = to_candidate * trace.recurrent[t] * reset * (1 - reset)
        to_gates[t] = np.concatenate([to_keep, to_reset, to_candidate], axis=1)
        to_recurrent[t] = to_gates[t]
        to_recurrent[t, :, 2 * hidden :] *= reset
        later = to_state * keep + to_recurrent[t] @ transposed
    return to_gates, to_recurrent
