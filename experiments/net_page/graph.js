// Carries out one step of a net, as its graph of operations says.

/** The functions of each number that a graph can hold, by their names there. */
const FUNCTIONS = {
  copy: (a) => a,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  where: (a, b, c) => (a ? b : c),
  eq: (a, b) => +(a === b),
  ne: (a, b) => +(a !== b),
  lt: (a, b) => +(a < b),
  le: (a, b) => +(a <= b),
  gt: (a, b) => +(a > b),
  ge: (a, b) => +(a >= b),
  neg: (a) => -a,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (a) => 1 / Math.sqrt(a),
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  relu: (a) => Math.max(a, 0),
  silu: (a) => a / (1 + Math.exp(-a)),
  log_sigmoid_forward: (a) => Math.min(a, 0) - Math.log1p(Math.exp(-Math.abs(a))),
};

/** The buffers that a step reads. */
const [WEIGHTS, X, KEPT, STATE] = [0, 1, 2, 3];

/** Return the places of all numbers of an operand, the last axis first to move. */
function placesOf(offset, distances, axes) {
  let places = [offset];
  axes.forEach((length, axis) => {
    const longer = [];
    for (const place of places) {
      for (let step = 0; step < length; step++) longer.push(place + step * distances[axis]);
    }
    places = longer;
  });
  return Int32Array.from(places);
}

/** A net, whose steps are computed in double precision. */
class Net {
  /** The argument is what the page is told of the net. */
  constructor(about) {
    const { graph } = about;
    this.graph = graph;
    this.units = about.layers * about.hidden;
    this.buffers = graph.sizes.map((size) => new Float64Array(size));
    for (const [buffer, numbers] of Object.entries(graph.constants)) this.buffers[buffer].set(numbers.map(Number));
    this.buffers[WEIGHTS].set(numbersOf(about.weights));
    this.buffers[KEPT].fill(1);
    this.inputs = about.inputs && numbersOf(about.inputs);
    this.width = graph.sizes[X];
    this.steps = graph.operations.map((operation) => this.compile(...operation));
  }

  /** Return a function that carries out one operation. */
  compile(name, axes, over, result, ...operands) {
    const [target, places] = this.read(result, axes, []);
    const read = operands.map((operand) => this.read(operand, axes, over));
    const [a, ia, ka] = read[0];
    const count = places.length;
    if (name === "dot") {
      const [b, ib, kb] = read[1];
      const terms = ka.length;
      return () => {
        for (let i = 0; i < count; i++) {
          const [p, q] = [ia[i], ib[i]];
          let sum = 0;
          for (let k = 0; k < terms; k++) sum += a[p + ka[k]] * b[q + kb[k]];
          target[places[i]] = sum;
        }
      };
    }
    if (name === "max") {
      return () => {
        for (let i = 0; i < count; i++) {
          let top = Number.NEGATIVE_INFINITY;
          for (const k of ka) top = Math.max(top, a[ia[i] + k]);
          target[places[i]] = top;
        }
      };
    }
    const f = FUNCTIONS[name];
    const [[b, ib] = [a, ia], [c, ic] = [a, ia]] = [read[1], read[2]];
    return () => {
      for (let i = 0; i < count; i++) target[places[i]] = f(a[ia[i]], b[ib[i]], c[ic[i]]);
    };
  }

  /** Return the buffer of an operand, the places along the axes, and what to add along the axes that are summed. */
  read(operand, axes, over) {
    const count = axes.reduce((product, length) => product * length, 1);
    if (!Array.isArray(operand)) {
      const terms = over.reduce((product, length) => product * length, 1);
      return [Float64Array.of(Number(operand)), new Int32Array(count), new Int32Array(terms)];
    }
    const [buffer, offset, ...distances] = operand;
    const along = placesOf(offset, distances, axes);
    return [this.buffers[buffer], along, placesOf(0, distances.slice(axes.length), over)];
  }

  /** Switch a unit, numbered over all layers, off or on. */
  keep(unit, kept) {
    this.buffers[KEPT][unit] = kept ? 1 : 0;
  }

  /** Return whether a unit is on. */
  kept(unit) {
    return this.buffers[KEPT][unit] === 1;
  }

  /** Take a step from a state, whose zeros at the end may be left out. */
  step(state, index) {
    const [x, before] = [this.buffers[X], this.buffers[STATE]];
    if (this.inputs) x.set(this.inputs.subarray(index * this.width, (index + 1) * this.width));
    else x.fill(0)[index] = 1;
    before.fill(0).set(state);
    for (const step of this.steps) step();
    const after = this.buffers[this.graph.state];
    let end = after.length;
    while (end && after[end - 1] === 0) end--;
    return {
      state: after.slice(0, end),
      units: this.buffers[this.graph.units].slice(),
      probabilities: softmax(this.buffers[this.graph.logits]),
    };
  }
}

/** Return the probabilities that logits, divided by a temperature, stand for. */
function softmax(logits, temperature = 1) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp((logit - top) / temperature));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float64Array.from(powers, (power) => power / sum);
}
