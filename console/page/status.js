/** The page that shows the running server, asked every five seconds for what the console has sampled. */

import { Api, Refusal, status } from "./api.js";
import { byId, element, showPages, showServer } from "./dom.js";
import { describe } from "./models.js";
import { tiles } from "./tiles.js";

const EVERY_MS = 5000;
const EMPTY = { requests: 0, confidence: [], errors: {}, rejected: {}, read: Array(10).fill(0), drift: {}, memory: {} };
const SHORT = 12; // characters of a hash

const views = new Map(); // by model: what is drawn anew

function view(model) {
  if (views.has(model.name)) return views.get(model.name);
  const made = { badge: element("span", { class: "badge" }), grid: element("div", { class: "tiles" }), rows: element("tbody") };
  const title = element("h2", {}, model.name);
  const head = element("div", { class: "row" }, title, made.badge, element("span", { class: "muted" }, describe(model)));
  const names = ["version", "workers", "runs on", "accuracy (MNIST test)", "parameters", "size", "sha256", "explains by"];
  const header = element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  const table = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Versions of ${model.name}` }, element("table", {}, header, made.rows));
  const details = element("details", {}, element("summary", {}, "Versions, workers and card"), table);
  byId("models").append(element("section", { class: "model", "aria-label": model.name }, head, made.grid, details));
  views.set(model.name, made);
  return made;
}

function show(model, told) {
  const { badge, grid, rows } = view(model);
  const workers = model.versions.flatMap((version) => version.workers);
  const ready = workers.filter((worker) => worker.status === "READY").length;
  const wanted = model.versions.reduce((sum, version) => sum + version.wanted, 0);
  badge.textContent = `${ready} of ${wanted} ${wanted === 1 ? "worker" : "workers"} ready`;
  badge.dataset.kind = ready >= wanted && ready ? "good" : "bad";
  grid.replaceChildren(...tiles(told.series[model.name] ?? { ago: [] }, told.totals[model.name] ?? EMPTY));
  rows.replaceChildren(...model.versions.map((version) => row(version, told.totals[model.name]?.memory ?? {})));
}

function row({ version, workers, runs_on: place, explains_by: method, card }, memory) {
  const told = workers.map(({ id, status: state }) => `${id} ${state}${id in memory ? `, ${Math.round(memory[id] / 2 ** 20)} MiB` : ""}`);
  const accuracy = card?.accuracy?.test ? `${(100 * card.accuracy.test).toFixed(2)} %` : "–";
  const cells = [version, told.join("; ") || "none", place ?? "–", accuracy, card?.parameters?.toLocaleString("en") ?? "–"];
  cells.push(card?.bytes ? `${(card.bytes / 1e6).toFixed(1)} MB` : "–", card?.sha256?.slice(0, SHORT) ?? "–", method ?? "–");
  return element("tr", {}, ...cells.map((cell) => element("td", {}, String(cell))));
}

async function refresh() {
  try {
    const told = await status();
    showServer(!told.problem, told.problem || "live");
    for (const model of told.models) show(model, told);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showServer(false, error.message);
  }
}

async function listReports() {
  const { session } = await Api.open();
  showPages(session);
  const { reports } = session;
  byId("reports").replaceChildren(...reports.map(({ title, href }) => element("li", {}, element("a", { href }, title))));
  byId("no-reports").hidden = reports.length > 0;
}

let timer = setInterval(refresh, EVERY_MS);
byId("pause").addEventListener("click", ({ currentTarget: button }) => {
  const isPaused = button.ariaPressed !== "true";
  button.ariaPressed = String(isPaused);
  button.textContent = isPaused ? "Go on" : "Pause";
  clearInterval(timer);
  if (!isPaused) {
    refresh();
    timer = setInterval(refresh, EVERY_MS);
  }
});
await Promise.all([refresh(), listReports()]);
