// A text that a net reads, moment by moment, beside what its pattern knows of it.

/** A step is right if the net gives no impossible character more than this probability; see docs/runs.md. */
const ALLOWED = 0.01;

/** In a table of moves: a character is impossible, or leads to a state that the table does not have. */
const [NOWHERE, OUTSIDE] = [255, 254];

/** Return the index of the largest number. */
function largest(numbers) {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i] > numbers[best]) best = i;
  return best;
}

/** What a pattern knows, followed along a text: in which states of its table it may be, none where that is unknown. */
class Oracle {
  constructor(pattern) {
    this.pattern = pattern;
    this.table = pattern.table;
    this.alphabet = Array.from(pattern.alphabet);
    this.outputs = Array.from(pattern.outputs);
    this.mark = this.alphabet.indexOf(pattern.mark);
    this.start = this.table ? [0] : [];
    this.next = this.table && bytesOf(this.table.next);
    this.likely = this.table && bytesOf(this.table.likely);
    this.said = this.table?.said && bytesOf(this.table.said);
    const labels = Object.entries(this.table?.labels ?? {});
    this.labels = Object.fromEntries(
      labels.map(([name, [values, places]]) => [name, Array.from(bytesOf(places), (place) => values[place])]),
    );
  }

  /** Return the states to which a character leads from some states, and whether the table lacks one of them. */
  after(states, index) {
    const all = new Set(states.map((state) => this.next[state * this.alphabet.length + index]));
    all.delete(NOWHERE);
    return { outside: all.delete(OUTSIDE), states: [...all] };
  }

  /**
   * Return the states after a character, whether it was possible, and whether the table ends before it. After one that
   * was not possible, a stream may be wherever that character leads; a string is lost up to the next mark.
   */
  follow(before, index) {
    if (!this.table) return { states: [], possible: true };
    const { outside, states } = this.after(before, index);
    if (states.length || outside) return { states: outside ? [] : states, possible: true, far: outside };
    const possible = !before.length;
    if (index === this.mark) return { states: this.after(this.start, index).states, possible };
    if (possible || this.mark >= 0) return { states: [], possible };
    return { states: this.after([...Array(this.table.states).keys()], index).states, possible };
  }

  /** Return the exact probability of each output in some states; null where it is unknown or does not count. */
  distribution(states) {
    const all = states.map((state) => this.ofState(state));
    const [first] = all;
    return first && all.every((each) => each?.every((number, index) => number === first[index])) ? first : null;
  }

  ofState(state) {
    if (this.table.scored?.[state] === 0) return null;
    const exact = new Float64Array(this.outputs.length);
    if (!this.said)
      return exact.map((_, index) => this.table.probabilities[this.likely[state * exact.length + index]]);
    exact[this.said[state]] = 1;
    return exact;
  }

  /** Return whether chance decides what comes in some state, only among those that count or in all; true if unknown. */
  hasChance(counting) {
    if (!this.table || this.said) return !this.table;
    return Array.from({ length: this.table.states }, (_, state) => state).some((state) => {
      if (counting && this.table.scored?.[state] === 0) return false;
      const rows = this.likely.subarray(state * this.outputs.length, (state + 1) * this.outputs.length);
      return rows.filter((place) => this.table.probabilities[place] > 0).length > 1;
    });
  }

  /** Return the value of a label in some states; null where they differ, or none is known. */
  label(name, states) {
    const values = new Set(states.map((state) => this.labels[name][state]));
    return values.size === 1 ? [...values][0] : null;
  }
}

/** The moments of one net along one text. */
class Reading {
  constructor(net, oracle) {
    this.net = net;
    this.oracle = oracle;
    this.moments = [];
  }

  /** Read a text; what it has in common with the one before is not read again. */
  read(characters) {
    let same = 0;
    while (same < characters.length && this.moments[same]?.character === characters[same]) same++;
    this.moments.length = same;
    for (const character of characters.slice(same)) this.append(character);
  }

  /** Read one more character. One that is not in the alphabet is passed over. */
  append(character) {
    const { oracle, moments } = this;
    const before = moments[moments.length - 1];
    const index = oracle.alphabet.indexOf(character);
    if (index < 0) {
      moments.push({ state: [], states: oracle.start, ...before, character, index, possible: true });
      return;
    }
    const anew = index === oracle.mark || !before;
    const { states, possible, far } = oracle.follow(before ? before.states : oracle.start, index);
    const after = this.net.step(anew ? [] : before.state, index);
    const guess = largest(after.probabilities);
    moments.push({ character, index, states, possible, far: far || (before?.far && !states.length), guess, ...after });
  }

  /** Return "right" or "wrong" for what the net expects at a moment; "" where nobody can say. */
  verdict(number) {
    const moment = this.moments[number];
    const next = this.moments[number + 1];
    if (moment.index < 0 || !moment.probabilities) return "";
    if (!this.oracle.table) return this.cameTrue(moment, next);
    const exact = this.oracle.distribution(moment.states);
    if (!exact) return "";
    const possible = exact.filter((probability) => probability > 0);
    if (possible.length === 1) return exact[moment.guess] === 1 ? "right" : "wrong";
    const least = Math.min(ALLOWED, Math.min(...possible) / 2);
    if (moment.probabilities.some((probability, index) => exact[index] === 0 && probability > least)) return "wrong";
    return next && exact[next.index] > 0 && moment.probabilities[next.index] <= least ? "wrong" : "right";
  }

  /** Return the likeliest output that cannot come after a moment; -1 for none. */
  worst(moment) {
    const exact = this.oracle.table && moment.probabilities && this.oracle.distribution(moment.states);
    if (!exact) return -1;
    const impossible = moment.probabilities.map((probability, index) => (exact[index] > 0 ? 0 : probability));
    return largest(impossible);
  }

  /** Return whether the likeliest character came, where nothing else is known. */
  cameTrue(moment, next) {
    if (!this.oracle.pattern.next || !next || next.index < 0) return "";
    return next.index === moment.guess ? "right" : "wrong";
  }

  /** Return the one output that the pattern has after a moment; -1 where there are several, or none is known. */
  due(moment) {
    const exact = this.oracle.table && moment.index >= 0 && this.oracle.distribution(moment.states);
    return exact ? exact.indexOf(1) : -1;
  }

  /** Return the output that the net gives at its last moment: the likeliest at temperature 0, or one that is drawn. */
  draw(temperature) {
    const { probabilities, guess } = this.moments[this.moments.length - 1];
    if (temperature === 0) return guess;
    const powers = softmax(probabilities.map(Math.log), temperature);
    let left = Math.random();
    const drawn = powers.findIndex((power) => {
      left -= power;
      return left < 0;
    });
    return drawn < 0 ? guess : drawn;
  }
}

/** The recorded moments of a net that is too large for the page; it reads nothing else. */
class Recorded {
  constructor(about, oracle) {
    const { text, guesses, units, path, share } = about.recorded;
    const [characters, said, levels] = [Array.from(text), Array.from(guesses), bytesOf(units)];
    const width = levels.length / characters.length;
    const coordinates = numbersOf(path);
    this.oracle = oracle;
    this.share = share;
    this.moments = [];
    let states = oracle.start;
    characters.forEach((character, t) => {
      const index = oracle.alphabet.indexOf(character);
      const followed = oracle.follow(states, index);
      states = followed.states;
      this.moments.push({
        character,
        index,
        ...followed,
        guess: oracle.outputs.indexOf(said[t]),
        units: Float64Array.from(levels.subarray(t * width, (t + 1) * width), (level) => (level - 128) / 127),
        point: coordinates.subarray(3 * t, 3 * t + 3),
      });
    });
  }

  /** Return the one output that the pattern has after a moment; -1 where there are several, or none is known. */
  due(moment) {
    return Reading.prototype.due.call(this, moment);
  }

  /** Return -1: what the net gave to other outputs was not recorded. */
  worst() {
    return -1;
  }

  /** Return "right" or "wrong" for the likeliest output at a moment; "" where nobody can say. */
  verdict(number) {
    const [moment, next] = [this.moments[number], this.moments[number + 1]];
    const exact = this.oracle.table && this.oracle.distribution(moment.states);
    if (exact) return exact[moment.guess] > 0 ? "right" : "wrong";
    if (this.oracle.table || !this.oracle.pattern.next || !next) return "";
    return next.index === moment.guess ? "right" : "wrong";
  }
}
