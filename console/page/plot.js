/** Small plots as SVG: lines over the last minutes, and columns of counts. Each says in words what it shows. */

import { svg } from "./dom.js";

const WIDTH = 300;
const HEIGHT = 80;
const KINDS = ["first", "second", "third"];

/** A round number that is not below a value: 1, 2 or 5 times a power of ten. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * (1 - 1e-9));
}

/** The points of a line as pieces without gaps: where nothing was measured there is no line. */
export function pieces(times, values, highest, span) {
  const found = [];
  let piece = null;
  for (const [i, value] of values.entries()) {
    if (value === null) piece = null;
    else {
      if (!piece) found.push((piece = []));
      piece.push([WIDTH * (1 - times[i] / span), HEIGHT * (1 - value / highest)]);
    }
  }
  return found;
}

const path = (points) => `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

function frame(label, ...children) {
  const attributes = { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label };
  const grid = [0, HEIGHT / 2, HEIGHT].map((y) => svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: y, y2: y }));
  return svg("svg", attributes, ...grid, ...children);
}

/**
 * Lines over time.
 * @param ago are the seconds before now of each value.
 * @param lines are lists of values, null where there is none.
 * @param span are the seconds that the width stands for.
 */
export function lines({ label, ago, lines, highest, span }) {
  const drawn = lines.flatMap((values, i) =>
    pieces(ago, values, highest, span).flatMap((points) => {
      const line = svg("path", { class: `line ${KINDS[i]}`, d: path(points.length > 1 ? points : [points[0], points[0]]) });
      if (lines.length > 1 || points.length < 2) return [line];
      const area = `${path(points)}L${points.at(-1)[0].toFixed(1)} ${HEIGHT}L${points[0][0].toFixed(1)} ${HEIGHT}Z`;
      return [svg("path", { class: `area ${KINDS[i]}`, d: area }), line];
    }),
  );
  return frame(label, ...drawn);
}

/** Columns of counts, the highest as high as the plot. */
export function columns({ label, counts }) {
  const highest = Math.max(...counts, 1);
  const width = WIDTH / Math.max(counts.length, 1);
  const drawn = counts.map((count, i) => {
    const height = count ? Math.max(1.5, (HEIGHT * count) / highest) : 0;
    return svg("rect", { x: (i + 0.14) * width, y: HEIGHT - height, width: 0.72 * width, height, rx: 1.5 });
  });
  return frame(label, ...drawn);
}
