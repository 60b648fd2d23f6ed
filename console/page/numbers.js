/** The numbers that a model reads in a picture or on the pages of a document, boxed over it and listed below. */

import { reasonOf } from "./answer.js";
import { byId, element, percent, svg } from "./dom.js";

export class NumbersView {
  #answer = null;
  #index = 0; // of the page that is shown, among those of the answer

  /** @param onPage is called with a page of the answer that is to be shown. */
  constructor(onPage) {
    this.onPage = onPage;
    byId("previous-page").addEventListener("click", () => this.#turn(this.#index - 1));
    byId("next-page").addEventListener("click", () => this.#turn(this.#index + 1));
  }

  clear() {
    byId("numbers").hidden = true;
    this.hideBoxes();
  }

  hideBoxes() {
    byId("boxes").toggleAttribute("hidden", true); // elements of SVG have no property of this name
  }

  /** @param answer is the JSON of a model that reads numbers; its quads are in pixels of their pages. */
  showAnswer(answer) {
    this.#answer = answer;
    byId("pager").hidden = answer.pages.length < 2;
    this.#turn(0);
  }

  showRefusal(refusal) {
    this.hideBoxes();
    byId("pager").hidden = true;
    byId("numbers-list").replaceChildren();
    this.#tell(refusal.message);
  }

  #turn(index) {
    const { numbers, pages } = this.#answer;
    const page = pages[index];
    const shown = numbers.filter(({ page: number }) => (number ?? 1) === (page.page ?? 1));
    this.#index = index;
    byId("previous-page").disabled = index === 0;
    byId("next-page").disabled = index === pages.length - 1;
    byId("page-told").textContent = `Page ${page.page ?? 1} of ${pages.length}`;
    byId("boxes").setAttribute("viewBox", `0 0 ${Number(page.width) || 1} ${Number(page.height) || 1}`);
    byId("boxes").replaceChildren(...shown.flatMap(box));
    byId("boxes").toggleAttribute("hidden", false);
    byId("numbers-list").replaceChildren(...shown.map(line));
    this.#tell(page.error ? page.error.message : shown.length ? `${shown.length} found` : "None was found.");
    this.onPage(page);
  }

  #tell(text) {
    byId("numbers").hidden = false;
    byId("numbers-told").textContent = text;
  }
}

/** The frame of a number, and what is read in it above. */
function box({ quad, accepted, text }) {
  const kind = accepted ? "sure" : "unsure";
  const [[x, y], , , [left, below]] = quad.map((point) => point.map(Number));
  const height = Math.hypot(left - x, below - y);
  const frame = svg("polygon", { points: quad.map((point) => point.map(Number).join(",")).join(" "), class: kind });
  return [frame, svg("text", { x, y: y - height / 8, "font-size": height / 2, class: kind }, text)];
}

function line(number) {
  const kind = number.accepted ? "good" : "warn";
  const badge = element("span", { class: "badge", "data-kind": kind }, number.accepted ? "accepted" : reasonOf(number));
  return element("li", {}, element("b", {}, number.text || "–"), badge, element("span", { class: "muted" }, ` ${percent(number.confidence)}`));
}
