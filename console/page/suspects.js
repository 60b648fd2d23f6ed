/** The labels that are probably wrong, on the page of the review. What had been read instead is not told: it would lead people on. */

import { Refusal } from "./api.js";
import { byId, element } from "./dom.js";

export class Suspects {
  #api;
  #again;

  /** `again` is called whenever a picture is to be reviewed once more. */
  constructor(api, again) {
    this.#api = api;
    this.#again = again;
    byId("suspects-look").addEventListener("click", () => this.#guarded(() => this.#look()));
  }

  async #look() {
    byId("suspects-told").textContent = "Looking …";
    const { suspects, count } = await this.#api.review("suspects");
    byId("suspects").replaceChildren(...suspects.map((suspect) => this.#item(suspect)));
    const shown = count > suspects.length ? ` Here are ${suspects.length} of them.` : "";
    byId("suspects-told").textContent = `${count} ${count === 1 ? "label is" : "labels are"} probably wrong.${shown}`;
  }

  #item({ sha256, label }) {
    const image = element("img", { src: `api/review/picture/${sha256}`, alt: `A picture that is labelled ${label}`, loading: "lazy" });
    const button = element("button", { type: "button", "aria-label": `Review the picture that is labelled ${label} again` }, "Again");
    const item = element("li", {}, image, element("span", {}, `labelled ${label}`), button);
    button.addEventListener("click", () => this.#guarded(async () => {
      await this.#api.review("again", { picture: sha256 });
      item.remove();
      byId("suspects-told").textContent = "It comes again.";
      await this.#again();
    }));
    return item;
  }

  async #guarded(step) {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      byId("suspects-told").textContent = error.message;
    }
  }
}
