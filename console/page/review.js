/** The page on which people say what kept pictures show, by keys or by buttons. Answers are sent one after the other, in order. */

import { Api, Refusal } from "./api.js";
import { byId, element, percent, showPages, showServer } from "./dom.js";
import { Suspects } from "./suspects.js";

const OTHERS = [
  { key: "x", label: "none", text: "No digit" },
  { key: "m", label: "several", text: "Several" },
  { key: "u", label: "unsure", text: "Unsure" },
];
const DIGITS = [..."1234567890"].map((digit) => ({ key: digit, label: digit, text: digit }));
const NAMES = new Map([...DIGITS, ...OTHERS].map(({ label, text }) => [label, text.toLowerCase()]));
const FEW = 2; // pictures in advance; with fewer, others are asked for

class ReviewView {
  #api;
  #waiting = []; // the pictures to label, the one that is shown first
  #said = new Set(); // the pictures whose answers are on their way; the console still has them as lent
  #sending = Promise.resolve();

  constructor(api) {
    this.#api = api;
    for (const answer of DIGITS) byId("digits").append(this.#button(answer, () => this.say(answer.label)));
    for (const answer of OTHERS) byId("others").append(this.#button(answer, () => this.say(answer.label)));
    byId("others").append(this.#button({ key: "z", text: "Undo", label: "undo" }, () => this.undo()));
    byId("look").addEventListener("click", () => this.#later(() => this.#take()));
    byId("picture").addEventListener("error", () => this.#vanished());
    document.addEventListener("keydown", (event) => this.#press(event));
  }

  start() {
    return this.#later(() => this.#take());
  }

  say(label) {
    const picture = this.#waiting.shift();
    if (!picture) return;
    this.#said.add(picture.sha256);
    this.#show();
    this.#later(async () => {
      const sent = this.#api.review("label", { picture: picture.sha256, label });
      const { read, progress } = await sent.finally(() => this.#said.delete(picture.sha256));
      this.#tell(`You said ${NAMES.get(label)}. ${read.map(reading).join(" ")}`, progress);
      if (this.#waiting.length < FEW) await this.#take();
    });
  }

  undo() {
    this.#later(async () => {
      const { picture, progress } = await this.#api.review("undo");
      if (!picture) return this.#tell("There is no answer of yours to take back.", progress);
      this.#waiting = [picture, ...this.#waiting.filter(({ sha256 }) => sha256 !== picture.sha256)];
      this.#tell("Your last answer is taken back.", progress);
      return this.#show();
    });
  }

  #button({ key, label, text }, act) {
    const hint = text === key ? [] : [element("kbd", { "aria-hidden": "true" }, key)];
    const button = element("button", { type: "button", "data-label": label, "aria-keyshortcuts": key }, text, ...hint);
    button.addEventListener("click", act);
    return button;
  }

  #press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = event.key.toLowerCase();
    const answer = [...DIGITS, ...OTHERS].find((each) => each.key === key);
    if (answer) this.say(answer.label);
    if (key === "z") this.undo();
  }

  /** Do a step after those before it; what the console refuses is told, and the next picture asked for. */
  #later(step) {
    this.#sending = this.#sending.then(step).catch(async (error) => {
      if (!(error instanceof Refusal)) throw error;
      byId("last").textContent = error.message;
      showServer(error.code !== 0, error.code ? "live" : error.message);
      if (error.code === 409) await this.#take();
    });
    return this.#sending;
  }

  async #take() {
    const { pictures, progress } = await this.#api.review("take");
    const known = new Set([...this.#said, ...this.#waiting.map(({ sha256 }) => sha256)]);
    this.#waiting.push(...pictures.filter(({ sha256 }) => !known.has(sha256)));
    showServer(true, "live");
    this.#count(progress);
    this.#show();
  }

  /** Show the first picture, and have the browser load the second. */
  #show() {
    const [picture, next] = this.#waiting;
    const image = byId("picture");
    image.hidden = !picture;
    byId("empty").hidden = Boolean(picture);
    for (const button of document.querySelectorAll(".said button:not([data-label=undo])")) button.disabled = !picture;
    if (!picture) return;
    const source = address(picture);
    if (image.getAttribute("src") !== source) image.src = source;
    byId("why").textContent = reason(picture);
    if (next) new Image().src = address(next);
  }

  #vanished() {
    this.#waiting.shift();
    byId("last").textContent = "That picture is not there any more.";
    this.#show();
    this.#later(() => this.#take());
  }

  #tell(text, progress) {
    byId("last").textContent = text;
    this.#count(progress);
  }

  #count({ open, settled, yours }) {
    byId("progress").max = Math.max(open + settled, 1);
    byId("progress").value = settled;
    byId("counts").textContent = `${settled} settled, ${open} open, ${yours} ${yours === 1 ? "answer" : "answers"} of yours`;
    byId("empty-text").textContent = open ? "The pictures that are left are with others." : "Every kept picture is settled.";
  }
}

const address = ({ sha256 }) => `api/review/picture/${sha256}`;

const reading = ({ model, label, confidence, accepted }) =>
  `${model} had read ${label || "nothing"}, ${percent(confidence)} sure${accepted ? "" : ", not accepted"}.`;

const reason = ({ again, contradicted }) =>
  again ? "It comes again: what was said of it differs." : contradicted ? "What was read of it differs." : "What teaches most comes first.";

const api = await Api.open();
showPages(api.session);
const view = new ReviewView(api);
new Suspects(api, () => view.start());
await view.start();
