/** The tiles of one model: what it carries, how long it takes, what goes wrong, how sure it is, and whether its pictures have changed. */

import { element, milliseconds } from "./dom.js";
import { columns, lines, roundUp } from "./plot.js";

const SPAN_S = 600;
const DRIFTED = 0.25; // by convention: docs/metrics.md
const CHANGED = 0.1;

const whole = (count) => Math.round(count).toLocaleString("en");
const rate = (value) => (value >= 100 ? whole(value) : value.toFixed(1));
const newest = (values) => values?.at(-1) ?? null;

function tile(title, figure, unit, ...children) {
  const big = element("p", { class: "figure" }, figure, " ", element("small", {}, unit));
  return element("section", { class: "card tile", "aria-label": title }, element("h3", {}, title), big, ...children);
}

const axis = (left, right) => element("p", { class: "axis", "aria-hidden": "true" }, element("span", {}, left), element("span", {}, right));

function pairs(counts, none) {
  const known = Object.entries(counts).filter(([, count]) => count > 0);
  if (!known.length) return element("p", { class: "muted small" }, none);
  return element("dl", { class: "pairs" }, ...known.flatMap(([name, count]) => [element("dt", {}, name), element("dd", {}, whole(count))]));
}

function load({ ago, rate: rates = [] }, totals) {
  const now = newest(rates) ?? 0;
  const highest = roundUp(Math.max(...rates, 0));
  const plot = lines({ label: `Requests a second, now ${rate(now)}, at most ${rate(Math.max(...rates, 0))}`, ago, lines: [rates], highest, span: SPAN_S });
  return tile("Requests", rate(now), `/s · ${whole(totals.requests)} in all`, plot, axis("10 min ago", `top: ${highest} /s`));
}

function time({ ago, p50 = [], p95 = [], p99 = [] }) {
  const shown = [p50, p95, p99];
  const last = shown.map((values) => values.findLast((value) => value !== null) ?? null);
  const told = last.map((value) => (value === null ? "–" : milliseconds(value)));
  const highest = roundUp(Math.max(...shown.flat().filter((value) => value !== null), 0));
  const plot = lines({ label: `Milliseconds in a worker: p50 ${told[0]}, p95 ${told[1]}, p99 ${told[2]}`, ago, lines: shown, highest, span: SPAN_S });
  const keys = ["first", "second", "third"].map((kind, i) => element("li", { class: kind }, `p${[50, 95, 99][i]} ${told[i]}`));
  return tile("Time in a worker", told[0], "median", element("ul", { class: "legend" }, ...keys), plot, axis("10 min ago", `top: ${highest} ms`));
}

function errors({ ago, errors: rates = [] }, totals) {
  const all = Object.values(totals.errors).reduce((sum, count) => sum + count, 0);
  const highest = roundUp(Math.max(...rates, 0));
  const plot = lines({ label: `Errors a second, now ${rate(newest(rates) ?? 0)}`, ago, lines: [rates], highest, span: SPAN_S });
  return tile("Errors", whole(all), "in all", pairs(totals.errors, "No request was refused."), plot, axis("10 min ago", `top: ${highest} /s`));
}

function confidence(totals) {
  const counts = totals.confidence.map(({ count }) => count);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const sure = totals.confidence.filter(({ to }) => to > 0.99).reduce((sum, { count }) => sum + count, 0);
  const figure = all ? `${Math.round((100 * sure) / all)} %` : "–";
  const plot = columns({ label: `How sure the answers were: ${figure} of ${whole(all)} over 0.99`, counts });
  return tile("Confidence", figure, `of ${whole(all)} over 0.99`, plot, axis("up to 0.2", "1.0"));
}

function read(totals) {
  const refused = Object.values(totals.rejected).reduce((sum, count) => sum + count, 0);
  const told = totals.read.map((count, digit) => `${digit}: ${whole(count)}`).join(", ");
  const plot = columns({ label: `How often each digit was read: ${told}`, counts: totals.read });
  const labels = element("p", { class: "axis", "aria-hidden": "true" }, ...[..."0123456789"].map((digit) => element("span", {}, digit)));
  return tile("Not accepted", whole(refused), `of ${whole(totals.read.reduce((sum, count) => sum + count, 0))} read`, pairs(totals.rejected, ""), plot, labels);
}

function drift(totals) {
  const known = Object.entries(totals.drift);
  if (!known.length) return tile("Drift", "–", "not known yet", element("p", { class: "muted small" }, "A worker compares its pictures once it has read 512."));
  const furthest = Math.max(...known.map(([, index]) => index));
  const [kind, text] = furthest >= DRIFTED ? ["bad", "large"] : furthest >= CHANGED ? ["warn", "some"] : ["good", "none"];
  const list = known.flatMap(([name, index]) => [element("dt", {}, name), element("dd", {}, index.toFixed(3))]);
  return tile("Drift", furthest.toFixed(2), "stability index", element("p", {}, element("span", { class: "badge", "data-kind": kind }, text)), element("dl", { class: "pairs" }, ...list));
}

/** All tiles of a model, from its series and its totals. */
export const tiles = (series, totals) => [load(series, totals), time(series), errors(series, totals), confidence(totals), read(totals), drift(totals)];
