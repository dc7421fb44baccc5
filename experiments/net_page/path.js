// The path of a net's units in their first three principal components, which can be turned.

const SHAPES = ["circle", "square", "diamond", "up", "down", "left", "right"];

const MOST_DRAWN = 300;

/** Return a canvas's context, its width and its height in CSS pixels, with nothing on it. */
function cleared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** The mean of some rows of numbers, the three directions along which they vary most, and the share along each. */
class Directions {
  constructor(rows) {
    const size = rows[0].length;
    this.mean = new Float64Array(size);
    for (const row of rows) {
      for (let i = 0; i < size; i++) this.mean[i] += row[i] / rows.length;
    }
    let left = rows.map((row) => row.map((number, i) => number - this.mean[i]));
    const total = left.reduce((sum, row) => sum + dot(row, row), 0) || 1;
    this.share = [];
    this.directions = [0, 1, 2].map(() => {
      const direction = longest(left, size);
      const along = left.map((row) => dot(row, direction));
      this.share.push(along.reduce((sum, number) => sum + number * number, 0) / total);
      left = left.map((row, t) => row.map((number, i) => number - along[t] * direction[i]));
      const extreme = along.reduce((best, number) => (Math.abs(number) > Math.abs(best) ? number : best), 0);
      return extreme < 0 ? direction.map((number) => -number) : direction;
    });
  }

  /** Return the three coordinates of a row. */
  point(row) {
    const centred = row.map((number, i) => number - this.mean[i]);
    return this.directions.map((direction) => dot(centred, direction));
  }
}

/** Return the sum of the products of two rows. */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Return the unit vector along which centred rows vary most, by power iteration; zeros where they do not vary. */
function longest(rows, size) {
  let vector = Float64Array.from({ length: size }, (_, i) => Math.sin(i + 1) + 1.5);
  for (let round = 0; round < 150; round++) {
    const next = new Float64Array(size);
    for (const row of rows) {
      const along = dot(row, vector);
      for (let i = 0; i < size; i++) next[i] += along * row[i];
    }
    const length = Math.sqrt(dot(next, next));
    if (length < 1e-12) return new Float64Array(size);
    const moved = next.map((number) => number / length);
    const still = Math.abs(dot(moved, vector) ** 2 / dot(vector, vector) - 1) < 1e-13;
    vector = moved;
    if (still) break;
  }
  return vector;
}

/** Draw one sign of a shape around a place. */
function drawShape(context, shape, x, y, radius) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, radius, 0, 7);
  else {
    const turns = { square: 0.125, diamond: 0, up: 0.75, down: 0.25, left: 0.5, right: 0 };
    const corners = shape === "square" || shape === "diamond" ? 4 : 3;
    for (let corner = 0; corner < corners; corner++) {
      const angle = 2 * Math.PI * (turns[shape] + corner / corners);
      context.lineTo(x + 1.25 * radius * Math.cos(angle), y + 1.25 * radius * Math.sin(angle));
    }
    context.closePath();
  }
}

/** The picture of a path. `shown` has `moments`, `selected`, `kindOf`, `rests`, `cycle` and `radius`. */
class PathPicture {
  constructor(canvas) {
    this.canvas = canvas;
    this.yaw = 0.6;
    this.pitch = 0.45;
    this.shown = null;
    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      this.turn((event.clientX - held[0]) / 120, (event.clientY - held[1]) / 120);
      held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => {
        held = null;
      });
    }
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (!by) return;
      event.preventDefault();
      this.turn(...by);
    });
  }

  /** Turn the picture by two angles, in radians. */
  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch));
    this.draw();
  }

  /** Return where on the canvas a point lies, from its centre, and how near it is, for a scale in pixels. */
  seen([x, y, z], scale) {
    const [sin, cos] = [Math.sin(this.yaw), Math.cos(this.yaw)];
    const [across, deep] = [x * cos + z * sin, z * cos - x * sin];
    const up = y * Math.cos(this.pitch) - deep * Math.sin(this.pitch);
    return [across * scale, -up * scale, y * Math.sin(this.pitch) + deep * Math.cos(this.pitch)];
  }

  draw() {
    if (!this.shown) return;
    const { context, width, height } = cleared(this.canvas);
    const { moments, selected, kindOf, rests, cycle, radius } = this.shown;
    const scale = (0.4 * Math.min(width, height)) / (radius || 1);
    const [ink, faint, paper] = ["var(--ink)", "var(--line)", "var(--paper)"].map(colourOf);
    context.translate(width / 2, height / 2);
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    this.drawAxes(context, scale * radius, faint, colourOf("var(--soft)"));
    const first = Math.max(0, Math.min(moments.length, selected + 1) - MOST_DRAWN);
    const places = moments.map((moment) => moment.point && this.seen(moment.point, scale));
    if (cycle) {
      context.strokeStyle = colourOf("var(--cycle)");
      context.lineWidth = 7;
      context.lineJoin = "round";
      context.beginPath();
      for (const point of cycle) context.lineTo(...this.seen(point, scale).slice(0, 2));
      context.closePath();
      context.stroke();
    }
    context.strokeStyle = ink;
    for (let t = first + 1; t <= selected; t++) {
      if (!places[t] || !places[t - 1] || moments[t].anew) continue;
      context.globalAlpha = 0.12 + 0.5 * ((t - first) / (selected - first));
      context.lineWidth = t > selected - 3 ? 2 : 1;
      context.beginPath();
      context.moveTo(places[t - 1][0], places[t - 1][1]);
      context.lineTo(places[t][0], places[t][1]);
      context.stroke();
    }
    context.globalAlpha = 1;
    context.lineWidth = 1;
    context.strokeStyle = paper;
    const order = [...places.keys()].filter((t) => t >= first && t <= selected && places[t]);
    order.sort((a, b) => places[a][2] - places[b][2]);
    for (const t of order) {
      const { colour, shape } = kindOf(t);
      context.fillStyle = colourOf(colour);
      drawShape(context, shape, places[t][0], places[t][1], 4.5);
      context.fill();
      context.stroke();
    }
    for (const { point, sign } of rests) this.drawRest(context, this.seen(point, scale), sign, ink, paper);
    if (places[selected]) {
      context.strokeStyle = ink;
      context.lineWidth = 2.5;
      drawShape(context, "circle", places[selected][0], places[selected][1], 9);
      context.stroke();
    }
  }

  drawAxes(context, length, faint, soft) {
    context.lineWidth = 1;
    for (let axis = 0; axis < 3; axis++) {
      const end = [0, 0, 0];
      end[axis] = 1;
      const [x, y] = this.seen(end, length);
      context.strokeStyle = faint;
      context.beginPath();
      context.moveTo(-x, -y);
      context.lineTo(x, y);
      context.stroke();
      context.fillStyle = soft;
      const beyond = 1 + 26 / (Math.hypot(x, y) || 1);
      context.fillText(`PC ${axis + 1}`, beyond * x, beyond * y);
    }
  }

  drawRest(context, [x, y], sign, ink, paper) {
    context.lineWidth = 2.5;
    context.strokeStyle = ink;
    context.beginPath();
    context.moveTo(x - 6, y - 6);
    context.lineTo(x + 6, y + 6);
    context.moveTo(x - 6, y + 6);
    context.lineTo(x + 6, y - 6);
    context.stroke();
    context.fillStyle = ink;
    context.lineWidth = 3;
    context.strokeStyle = paper;
    context.strokeText(sign, x + 13, y - 10);
    context.fillText(sign, x + 13, y - 10);
  }
}
