"""The lab's net trained for many seeds at once in JAX, as its documentation shows it: vmap and scan."""

import time
from typing import Any

import jax
import jax.numpy as jnp

HIDDEN_SIZE, CHARACTERS, RATE = 16, 3, 0.01

Weights = dict[str, Any]


def _initial_weights(key: Any) -> Weights:
    """Return the weights of one net, drawn as torch draws them."""
    shapes = {
        "input": (HIDDEN_SIZE,),
        "state": (HIDDEN_SIZE, HIDDEN_SIZE),
        "input_bias": (HIDDEN_SIZE,),
        "state_bias": (HIDDEN_SIZE,),
        "readout": (CHARACTERS, HIDDEN_SIZE),
        "readout_bias": (CHARACTERS,),
    }
    bound = HIDDEN_SIZE**-0.5
    keys = jax.random.split(key, len(shapes))
    return {
        name: jax.random.uniform(each, shape, minval=-bound, maxval=bound)
        for each, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def _loss(weights: Weights, read_t: Any, target_t: Any) -> Any:
    """Return the mean cross-entropy of one net over a text, in nats per character."""

    def step(h: Any, read: Any) -> tuple[Any, Any]:
        biases = weights["input_bias"] + weights["state_bias"]
        h = jnp.tanh(weights["input"] * read + biases + weights["state"] @ h)
        return h, weights["readout"] @ h + weights["readout_bias"]

    _, logits_tw = jax.lax.scan(step, jnp.zeros(HIDDEN_SIZE), read_t)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits_tw), target_t[:, None], 1).mean()


def seconds_a_net_and_epoch(nets: int, epochs: int) -> float:
    """Train nets on "abcabcabcabcabc", and return the seconds that a net and epoch take; compiling is not counted."""
    text = [0, 1, 2] * 5
    read_t, target_t = jnp.array(text[:-1], jnp.float32), jnp.array(text[1:])

    def epoch(state: tuple[Weights, Weights, Weights, Any], _: None) -> tuple[Any, Any]:
        weights, means, squares, steps = state
        loss, gradient = jax.value_and_grad(_loss)(weights, read_t, target_t)
        steps = steps + 1
        means = jax.tree.map(lambda mean, g: 0.9 * mean + 0.1 * g, means, gradient)
        squares = jax.tree.map(lambda square, g: 0.999 * square + 0.001 * g * g, squares, gradient)

        def moved(weight: Any, mean: Any, square: Any) -> Any:
            return weight - RATE * (mean / (1 - 0.9**steps)) / (jnp.sqrt(square / (1 - 0.999**steps)) + 1e-8)

        return (jax.tree.map(moved, weights, means, squares), means, squares, steps), loss

    def losses(key: Any) -> Any:
        weights = _initial_weights(key)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(epoch, (weights, zeros, zeros, jnp.float32(0)), None, length=epochs)[1]

    keys = jax.random.split(jax.random.PRNGKey(0), nets)
    run = jax.jit(jax.vmap(losses)).lower(keys).compile()
    begin = time.perf_counter()
    run(keys).block_until_ready()
    return (time.perf_counter() - begin) / nets / epochs
