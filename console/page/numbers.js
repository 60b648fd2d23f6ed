/** The numbers that a model reads in a picture, boxed over it and listed below. */

import { reasonOf } from "./answer.js";
import { byId, element, percent, svg } from "./dom.js";

export class NumbersView {
  clear() {
    byId("numbers").hidden = true;
    byId("boxes").toggleAttribute("hidden", true); // elements of SVG have no property of this name
  }

  /** @param answer is the JSON of a model that reads numbers; its quads are in pixels of the picture's first page. */
  showAnswer({ numbers, pages }) {
    const boxes = byId("boxes");
    const shown = numbers.filter(({ page }) => (page ?? 1) === 1);
    boxes.setAttribute("viewBox", `0 0 ${Number(pages[0].width)} ${Number(pages[0].height)}`);
    boxes.replaceChildren(...shown.map(box));
    boxes.toggleAttribute("hidden", false);
    byId("numbers-list").replaceChildren(...numbers.map(line));
    this.#tell(numbers.length ? `${numbers.length} found` : "None was found.");
  }

  showRefusal(refusal) {
    byId("boxes").toggleAttribute("hidden", true);
    byId("numbers-list").replaceChildren();
    this.#tell(refusal.message);
  }

  #tell(text) {
    byId("numbers").hidden = false;
    byId("numbers-told").textContent = text;
  }
}

const box = ({ quad, accepted }) =>
  svg("polygon", { points: quad.map((point) => point.map(Number).join(",")).join(" "), class: accepted ? "sure" : "unsure" });

function line(number) {
  const kind = number.accepted ? "good" : "warn";
  const badge = element("span", { class: "badge", "data-kind": kind }, number.accepted ? "accepted" : reasonOf(number));
  return element("li", {}, element("b", {}, number.text || "–"), badge, element("span", { class: "muted" }, ` ${percent(number.confidence)}`));
}
