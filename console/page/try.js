/** The page that reads pictures: what is drawn or chosen goes to every model, and its answers are shown as they come. */

import { AnswerView } from "./answer.js";
import { Api, Refusal } from "./api.js";
import { byId, showPages, showServer } from "./dom.js";
import { Drawing } from "./drawing.js";
import { FeedbackView } from "./feedback.js";
import { ModelsView } from "./models.js";
import { NumbersView } from "./numbers.js";
import { asCurl, asPython } from "./snippets.js";
import { listen, listenToCamera } from "./sources.js";
import { Strip } from "./strip.js";

const PAUSE_MS = 60; // of the pen, after which an unfinished stroke is read
const DOCUMENT = /\.(pdf|dcm)$/i;
const EXPLAIN_AFTER_MS = 250; // an explanation costs the server tens of predictions: not while strokes still come

class Page {
  #api;
  #asking = new AbortController();
  #waiting = 0; // the timers of the next reading and the next explanation
  #explaining = 0;
  #isReading = false;
  #name = "drawing.png";
  #picture = null;
  #drawing = ""; // the address of the page that the server drew last
  #isSeen = Promise.resolve(true); // whether the browser shows the picture by itself
  #target = null; // the digit whose explanation was asked for
  #isCurl = true;

  constructor(api) {
    this.#api = api;
    this.digits = api.models.filter(({ task }) => task === "digits");
    this.numbers = api.models.find(({ task }) => task === "numbers");
    this.answer = new AnswerView((digit) => this.#explainAs(digit));
    this.models = new ModelsView(this.digits);
    this.found = new NumbersView((page) => this.#showPage(page));
    this.feedback = new FeedbackView(api);
    this.strip = new Strip((file, address) => this.#look(file, address));
    this.drawing = new Drawing(byId("drawing"), (isDone) => this.#drawn(isDone), (text) => (byId("pen").textContent = text));
    listen((files) => this.#choose(files));
    listenToCamera((file) => this.#choose([file]));
    byId("clear").addEventListener("click", () => this.#clear());
    byId("undo").addEventListener("click", () => this.drawing.undo());
    byId("as-curl").addEventListener("click", () => this.#speak(true));
    byId("as-python").addEventListener("click", () => this.#speak(false));
    byId("copy").addEventListener("click", () => this.#copy());
    byId("picture").addEventListener("error", () => (byId("no-preview").hidden = false));
    this.#showDrawing();
    this.#speak(true);
  }

  #drawn(isDone) {
    byId("ghost").hidden = !this.drawing.isEmpty;
    clearTimeout(this.#waiting);
    if (this.drawing.isEmpty) this.#showNothing();
    else if (isDone) this.#readDrawing(true);
    else if (!this.#isReading) this.#waiting = setTimeout(() => this.#readDrawing(false), PAUSE_MS);
  }

  async #readDrawing(isDone) {
    const started = performance.now();
    const picture = await this.drawing.toBlob();
    await this.#read(picture, isDone);
    if (isDone) performance.measure("answer", { start: started });
  }

  #choose(files) {
    this.#clear();
    const { name } = this.digits[0] ?? this.numbers;
    this.strip.show(files, async (file) => {
      try {
        const { answer } = await this.#api.predict(name, file);
        return answer.accepted ? `${answer.digit}` : "?";
      } catch {
        return null;
      }
    });
  }

  #look(file, address) {
    byId("drawing").hidden = byId("ghost").hidden = byId("undo").disabled = true;
    byId("picture").hidden = false;
    byId("no-preview").hidden = true;
    byId("picture").src = address;
    byId("picture").alt = "The picture that was read";
    byId("pad").style.aspectRatio = "";
    this.#isSeen = byId("picture").decode().then(() => true, () => false);
    this.#name = file.name;
    this.#target = null;
    if (this.numbers && DOCUMENT.test(file.name)) this.#readDocument(file);
    else this.#read(file, true);
  }

  /** Ask every model about a picture; what is still asked about an earlier one is given up. */
  async #read(picture, isDone) {
    this.#asking.abort();
    this.#asking = new AbortController();
    clearTimeout(this.#explaining);
    this.#picture = picture;
    this.#isReading = true;
    const { signal } = this.#asking;
    const [first, ...others] = this.digits;
    const asked = first && this.#ask(first, picture, signal);
    if (isDone) {
      for (const model of others) this.#ask(model, picture, signal); // while strokes still come, the first is enough
      if (this.numbers) this.#askNumbers(picture, signal);
    }
    const told = await asked;
    if (signal.aborted) return;
    this.#isReading = false;
    if (told && (told.answer || isDone)) this.#showFirst(first, told); // the beginning of a stroke is often nothing to read yet
    if (isDone && told?.answer) this.#explaining = setTimeout(() => this.#explain(), EXPLAIN_AFTER_MS);
    this.#offerFile(picture);
  }

  /** Ask for the numbers of a document, which no model of digits reads. */
  #readDocument(file) {
    this.#showNothing();
    this.#asking = new AbortController();
    this.#picture = file;
    this.#askNumbers(file, this.#asking.signal);
    this.#offerFile(file);
  }

  /** Have the server draw a page that the browser cannot show. */
  async #showPage(page) {
    const { signal } = this.#asking;
    if ((await this.#isSeen) || page.error || signal.aborted) return;
    this.found.hideBoxes(); // those of the drawing are its own
    try {
      const drawing = await this.#api.drawPage(this.numbers.name, this.#picture, page.page, signal);
      if (signal.aborted) return;
      const image = byId("picture");
      URL.revokeObjectURL(this.#drawing);
      image.src = this.#drawing = URL.createObjectURL(drawing);
      image.alt = `Page ${page.page} with the numbers that were read`;
      byId("pad").style.aspectRatio = `${Number(page.width)} / ${Number(page.height)}`; // a square would show a page small
      byId("no-preview").hidden = true;
    } catch (error) {
      if (!signal.aborted && !(error instanceof Refusal)) throw error;
    }
  }

  async #ask(model, picture, signal) {
    try {
      const told = await this.#api.predict(model.name, picture, signal);
      this.models.showAnswer(model.name, told);
      return told;
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof Refusal)) throw error;
      this.models.showRefusal(model.name, error);
      return error;
    }
  }

  async #askNumbers(picture, signal) {
    try {
      this.found.showAnswer((await this.#api.predict(this.numbers.name, picture, signal)).answer);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refusal)) throw error;
      this.found.showRefusal(error);
    }
  }

  #showFirst(model, told) {
    const isAway = told.type === "ServerAway" || told.type === "ConsoleAway";
    showServer(!isAway, isAway ? "away" : `${model.name} answers`);
    if (told.answer) {
      const { digit, confidence } = told.answer;
      this.answer.showAnswer(told.answer);
      this.feedback.offer({ picture: this.#picture, model: model.name, version: told.version, read: `${digit}`, confidence, accepted: told.answer.accepted });
      return;
    }
    this.answer.showRefusal(told);
    this.#hideExplanation();
    const isRead = told.type === "BlankPicture";
    this.feedback.offer(isRead ? { picture: this.#picture, model: model.name, version: "none", read: "", confidence: 0 } : null);
  }

  #explainAs(digit) {
    this.#target = digit;
    this.answer.showTarget(digit);
    this.#explain();
  }

  async #explain() {
    const { signal } = this.#asking;
    try {
      const overlay = await this.#api.explain(this.digits[0].name, this.#picture, this.#target, signal);
      if (signal.aborted) return;
      const image = byId("overlay");
      URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(overlay);
      image.alt = `What speaks for ${this.#target === null ? "the digit that was read" : `a ${this.#target}`}, and what against it`;
      image.hidden = false;
      byId("no-overlay").hidden = true;
    } catch (error) {
      if (!signal.aborted) this.#hideExplanation();
      if (!signal.aborted && !(error instanceof Refusal)) throw error;
    }
  }

  #hideExplanation() {
    byId("overlay").hidden = true;
    byId("no-overlay").hidden = false;
    this.#target = null;
    this.answer.showTarget(null);
  }

  #showNothing() {
    this.#asking.abort();
    clearTimeout(this.#explaining);
    this.#isReading = false;
    this.answer.showNothing();
    this.models.clear();
    this.found.clear();
    this.feedback.offer(null);
    this.#hideExplanation();
    byId("save").hidden = true;
  }

  #showDrawing() {
    this.#name = "drawing.png";
    byId("picture").hidden = byId("no-preview").hidden = true;
    byId("picture").removeAttribute("src");
    byId("pad").style.aspectRatio = "";
    byId("drawing").hidden = byId("undo").disabled = false;
  }

  #clear() {
    this.strip.clear();
    this.#showDrawing();
    this.drawing.clear();
    this.#tellSnippet();
  }

  #offerFile(picture) {
    const link = byId("save");
    link.hidden = this.#name !== "drawing.png";
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(picture);
    this.#tellSnippet();
  }

  #speak(isCurl) {
    this.#isCurl = isCurl;
    byId("as-curl").ariaPressed = String(isCurl);
    byId("as-python").ariaPressed = String(!isCurl);
    this.#tellSnippet();
  }

  #tellSnippet() {
    const { server, tokenCommand } = this.#api.session;
    const model = (this.numbers && DOCUMENT.test(this.#name) ? null : this.digits[0]) ?? this.numbers;
    const request = { tokenCommand, url: `${server}/predictions/${model.name}`, name: this.#name };
    byId("snippet").textContent = this.#isCurl ? asCurl(request) : asPython(request);
  }

  async #copy() {
    await navigator.clipboard.writeText(byId("snippet").textContent);
    byId("copied").textContent = "Copied";
    byId("copy").textContent = "Copied";
    setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
  }
}

try {
  const api = await Api.open();
  showPages(api.session);
  new Page(api);
  showServer(true, `${api.models.map(({ name }) => name).join(", ")}`);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  showServer(false, error.message);
}
