// The tape: what a net has read, what it expects after each character, and how active its units are.

const COLUMN = 22;
const GUTTER = 104;
const LINE = 26;

/** Return what is shown for a character: a visible sign for those that cannot be seen. */
function glyph(character) {
  const signs = { " ": "\u2423", "\n": "\u21b5", "\r": "\u240d", "\t": "\u21e5" };
  return signs[character] ?? (/^[\p{C}\p{Z}]$/u.test(character) ? "\u25a1" : character);
}

/** Return the name of a character for those who hear it. */
function spoken(character) {
  return { " ": "space", "\n": "line end", "\t": "tab" }[character] ?? character;
}

/** Return a colour between the paper, for 0, and blue or orange, for 1 and -1. */
function heat(value, paper, [low, high]) {
  const strength = Math.min(1, Math.abs(value));
  return mixed(paper, value < 0 ? low : high, strength);
}

/**
 * The picture of the tape. `shown` has `reading`, `selected`, `verdicts`, `changed`, the `count` of rows, `rowAt` a
 * moment, the `name` of a row, `scale`, `kept`, and `unit`, the row that is chosen. `chosen` is told what a person
 * clicks: a moment, or a unit, and whether twice.
 */
class Tape {
  constructor(frame, canvas, room, chosen) {
    Object.assign(this, { frame, canvas, room, shown: null });
    frame.addEventListener("scroll", () => this.draw());
    canvas.addEventListener("click", (event) => {
      const [x, y] = [event.offsetX, event.offsetY];
      const unit = Math.floor((y - this.top) / this.row);
      if (x < GUTTER) {
        if (unit >= 0 && unit < this.shown.count) chosen({ unit, twice: event.detail === 2 });
      } else {
        const moment = Math.floor((x - GUTTER + frame.scrollLeft) / COLUMN);
        if (moment < this.shown.reading.moments.length) chosen({ moment });
      }
    });
  }

  /** Whether there is a line with what a transducer should say. */
  get hasDue() {
    const { table, pattern } = this.shown.reading.oracle;
    return Boolean(table) && !pattern.next;
  }

  /** Where the rows of the units begin, in pixels. */
  get top() {
    return (this.hasDue ? 3 : 2) * LINE + 8;
  }

  /** The height of a unit's row, in pixels. */
  get row() {
    return Math.max(2, Math.min(15, Math.floor(300 / this.shown.count)));
  }

  /** Show what there is to be shown, with the selected moment in sight. */
  show(shown) {
    this.shown = shown;
    const count = shown.reading.moments.length;
    this.canvas.style.height = `${this.top + 4 + this.row * shown.count}px`;
    this.room.style.width = `${GUTTER + COLUMN * (count + 2)}px`;
    const [left, sight] = [COLUMN * shown.selected, this.frame.clientWidth - GUTTER - 2 * COLUMN];
    if (left < this.frame.scrollLeft) this.frame.scrollLeft = left - COLUMN;
    else if (left > this.frame.scrollLeft + sight)
      this.frame.scrollLeft = COLUMN * Math.ceil((left - sight) / COLUMN + 1);
    this.draw();
  }

  draw() {
    if (!this.shown) return;
    const { context, width, height } = cleared(this.canvas);
    const { reading, selected } = this.shown;
    const colours = Object.fromEntries(
      ["ink", "soft", "line", "paper", "wrong", "low", "high", "odd", "choice"].map((name) => [
        name,
        colourOf(`var(--${name})`),
      ]),
    );
    context.textAlign = "center";
    context.textBaseline = "middle";
    const first = Math.ceil(this.frame.scrollLeft / COLUMN - 0.01); // no part of a column
    const last = Math.min(reading.moments.length, first + Math.ceil(width / COLUMN) + 1);
    for (let t = first; t < last; t++) {
      const x = GUTTER + COLUMN * t - this.frame.scrollLeft;
      if (t === selected) {
        context.fillStyle = colours.choice;
        context.fillRect(x, 0, COLUMN, height);
      }
      this.drawCharacters(context, t, x, colours);
      this.drawUnits(context, t, x, colours);
    }
    context.fillStyle = colours.paper;
    context.fillRect(0, 0, GUTTER, height);
    this.drawNames(context, colours);
    if (selected >= first && selected < last) {
      const x = GUTTER + COLUMN * selected - this.frame.scrollLeft;
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      if (x >= GUTTER - 1) context.strokeRect(x + 1, 1, COLUMN - 2, height - 2);
    }
  }

  drawCharacters(context, t, x, colours) {
    const moment = this.shown.reading.moments[t];
    const middle = x + COLUMN / 2;
    context.font = "600 15px ui-monospace, monospace";
    if (moment.index < 0) {
      context.fillStyle = colours.odd;
      context.fillRect(x + 2, 3, COLUMN - 4, LINE - 6);
    }
    context.fillStyle = colours.ink;
    context.fillText(glyph(moment.character), middle, LINE / 2 + 1);
    if (!moment.possible) {
      context.fillStyle = colours.wrong;
      context.fillRect(x + 3, LINE - 4, COLUMN - 6, 3);
    }
    if (moment.index < 0 || moment.guess === undefined) return;
    const verdict = this.shown.verdicts[t];
    const y = LINE + LINE / 2;
    // Without the pattern's table, that something else came need be no error.
    const { table, pattern } = this.shown.reading.oracle;
    const certain = table || !pattern.next;
    if (verdict === "wrong") {
      context.fillStyle = context.strokeStyle = colours.wrong;
      context.lineWidth = 1.5;
      if (certain) context.fillRect(x + 2, LINE + 2, COLUMN - 4, LINE - 4);
      else context.strokeRect(x + 2.5, LINE + 2.5, COLUMN - 5, LINE - 5);
    }
    context.font = "15px ui-monospace, monospace";
    context.fillStyle = { right: colours.high, wrong: certain ? "#ffffff" : colours.ink }[verdict] ?? colours.soft;
    context.fillText(glyph(this.shown.reading.oracle.outputs[moment.guess]), middle, y + 1);
    const due = this.hasDue ? this.shown.reading.due(moment) : -1;
    if (due >= 0) {
      context.fillStyle = colours.soft;
      context.fillText(glyph(this.shown.reading.oracle.outputs[due]), middle, y + LINE + 1);
    }
    if (this.shown.changed[t]) {
      context.fillStyle = colours.ink;
      drawShape(context, "down", middle, LINE + 2, 3);
      context.fill();
    }
  }

  drawUnits(context, t, x, colours) {
    const { reading, count, scale, kept } = this.shown;
    if (!reading.moments[t].units) return;
    const row = this.shown.rowAt(t);
    const [paper, ends] = [channels(colours.paper), [channels(colours.low), channels(colours.high)]];
    for (let unit = 0; unit < count; unit++) {
      const y = this.top + unit * this.row;
      context.fillStyle = kept(unit) ? heat(row[unit] / scale, paper, ends) : colours.line;
      context.fillRect(x + 0.5, y, COLUMN - 1, this.row - (this.row > 3 ? 1 : 0));
    }
  }

  drawNames(context, colours) {
    const { reading, count, name, kept, unit: chosen } = this.shown;
    context.textAlign = "right";
    context.fillStyle = colours.soft;
    context.font = "13px system-ui, sans-serif";
    context.fillText("reads", GUTTER - 10, LINE / 2 + 1);
    context.fillText(reading.oracle.pattern.next ? "expects next" : "says", GUTTER - 10, LINE * 1.5 + 1);
    if (this.hasDue) context.fillText("should say", GUTTER - 10, LINE * 2.5 + 1);
    const every = Math.ceil(13 / this.row);
    for (let unit = 0; unit < count; unit++) {
      if (unit % every && unit !== chosen && kept(unit)) continue;
      const y = this.top + (unit + 0.5) * this.row;
      context.font = `${unit === chosen ? "700 " : ""}11px system-ui, sans-serif`;
      context.fillStyle = unit === chosen ? colours.ink : colours.soft;
      context.fillText(kept(unit) ? name(unit) : `${name(unit)} off`, GUTTER - 10, y);
    }
  }
}
