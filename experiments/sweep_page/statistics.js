// Medians and intervals over runs. How an interval is made is told for each number of runs; see told.py.

/** Return the median of numbers in ascending order. */
function medianOf(sorted) {
  const n = sorted.length;
  return (sorted[Math.floor((n - 1) / 2)] + sorted[Math.floor(n / 2)]) / 2;
}

/** Return the ends of the 95 % interval of the median of numbers in ascending order; null where there is none. */
function intervalOf(sorted, median) {
  const rule = told.intervals[sorted.length];
  if (!rule) return null;
  const [low, high, pairs] = rule;
  const medians = pairs.map(([lower, upper, count]) => [(sorted[lower] + sorted[upper]) / 2, count]);
  medians.sort((a, b) => a[0] - b[0]);
  const at = (place) => {
    let seen = 0;
    return medians.find(([, count]) => (seen += count) > place)[0];
  };
  return [Math.min(at(low), median), Math.max(at(high), median)];
}

/** Return why runs have no interval, because they are not of one setting with different seeds; "" if they are. */
function whyMixed(group) {
  if (group.some((run) => run.setting !== group[0].setting)) {
    const differ = fields.filter(
      (field, f) => !FREE.has(field.name) && group.some((run) => run.values[f] !== group[0].values[f]),
    );
    const swept = differ.filter((field) => field.swept); // others come with these
    return `its runs differ in ${(swept.length ? swept : differ).map((field) => field.name).join(", ")}`;
  }
  return new Set(group.map((run) => run.draw)).size < group.length ? "its runs have the same seeds" : "";
}

/** Return runs in groups that agree in some fields, with the values of these, in the order of the values. */
function groupsOf(shown, by) {
  const groups = new Map();
  for (const run of shown) {
    const places = by.map((f) => run.values[f]);
    const key = places.join();
    if (!groups.has(key)) groups.set(key, { places, runs: [] });
    groups.get(key).runs.push(run);
  }
  return [...groups.values()].sort((a, b) => {
    const i = a.places.findIndex((place, at) => place !== b.places[at]);
    return i < 0 ? 0 : a.places[i] - b.places[i];
  });
}

/**
 * Return the curve of a group: at each epoch the median of the runs that came so far, its interval, and their number.
 * Between the epochs of a run that were kept, its values lie on straight lines; runs of as many epochs have the same.
 */
function curveOf(group, metric) {
  const unlike = whyMixed(group);
  const epochsOfRuns = group.map(epochsOf);
  const epochs = [...new Set(epochsOfRuns.flat())].sort((a, b) => a - b);
  const place = group.map(() => 0);
  const points = [];
  for (const epoch of epochs) {
    const values = [];
    group.forEach((run, i) => {
      while (place[i] < epochsOfRuns[i].length && epochsOfRuns[i][place[i]] < epoch) place[i]++;
      if (place[i] === epochsOfRuns[i].length) return;
      const [after, next] = [epochsOfRuns[i][place[i]], valueAt(metric, run, place[i])];
      if (after === epoch) return values.push(next);
      const [before, last] = [epochsOfRuns[i][place[i] - 1], valueAt(metric, run, place[i] - 1)];
      return values.push(last + ((next - last) * (epoch - before)) / (after - before));
    });
    const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
    if (!sorted.length) continue;
    const median = medianOf(sorted);
    points.push({ epoch, median, interval: unlike ? null : intervalOf(sorted, median), n: sorted.length });
  }
  return { unlike, points };
}

/** Return what a group has of a number: the median, or the share of runs where it is a truth; and how many have one. */
function numberOf(group, number) {
  const values = group.map((run) => number.of_runs[run.number]).filter((value) => value !== null);
  const sorted = values.sort((a, b) => a - b);
  if (!sorted.length) return { value: null, n: 0 };
  const share = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { value: number.name === "solved" ? share : medianOf(sorted), n: sorted.length };
}
