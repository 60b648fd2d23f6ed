/** All models that read digits, side by side: what each reads, how sure it is, and how long it takes. */

import { byId, element, milliseconds, percent } from "./dom.js";

const TARGETS = { pytorch: "PyTorch", onnx: "ONNX Runtime" };

/** A model's name for people: what runs it, in which form. */
export const describe = ({ target, form }) => `${TARGETS[target] ?? target}, ${form}`;

export class ModelsView {
  #rows = new Map();

  constructor(models) {
    for (const model of models) {
      const name = element("th", { scope: "row" }, model.name, element("span", { class: "tag" }, describe(model)));
      const cells = ["reads", "sure", "server", "whole"].map(() => element("td", {}, "–"));
      this.#rows.set(model.name, cells);
      byId("models").append(element("tr", {}, name, ...cells));
    }
  }

  clear() {
    for (const name of this.#rows.keys()) this.#fill(name, ["–", "–", "–", "–"]);
  }

  showAnswer(name, { answer, server, whole }) {
    const reads = answer.accepted ? `${answer.digit}` : `(${answer.digit})`;
    this.#fill(name, [reads, percent(answer.confidence), milliseconds(server), milliseconds(whole)]);
  }

  showRefusal(name, refusal) {
    this.#fill(name, ["–", refusal.type, "–", "–"]);
  }

  #fill(name, texts) {
    for (const [i, cell] of this.#rows.get(name).entries()) cell.textContent = texts[i];
  }
}
