/** What a person says of an answer: another digit, no digit, or for numbers what is written. Shown only where the console keeps it. */

import { byId, element } from "./dom.js";

export class FeedbackView {
  #about = null; // the picture and what was read of it
  #api;

  constructor(api) {
    this.#api = api;
    if (!api.session.feedback) return;
    for (const digit of "0123456789") this.#choice(digit, digit, `It is a ${digit}`);
    this.#choice("no digit", "", "There is no digit");
    if (api.models.some(({ task }) => task === "numbers")) this.#number();
    byId("feedback").addEventListener("submit", (event) => event.preventDefault());
  }

  /** @param about holds the picture, and model, version, read and confidence of the answer; null where nothing was read. */
  offer(about) {
    this.#about = about;
    byId("thanks").textContent = "";
    byId("feedback").hidden = !this.#api.session.feedback || about === null;
  }

  #choice(text, truth, label) {
    const button = element("button", { type: "button", "aria-label": label }, text);
    button.addEventListener("click", () => this.#keep(truth, label));
    byId("choices").append(button);
  }

  #number() {
    const input = element("input", { type: "text", inputmode: "decimal", maxlength: "64" });
    const button = element("button", { type: "button" }, "Send");
    button.addEventListener("click", () => input.value.trim() && this.#keep(input.value.trim(), `It says ${input.value.trim()}`));
    byId("choices").append(element("label", {}, "It says", input), button);
  }

  async #keep(truth, label) {
    const { picture, ...read } = this.#about;
    const thanks = byId("thanks");
    try {
      await this.#api.keep({ truth, ...read, picture: await base64(picture) });
      thanks.textContent = `Kept: ${label.toLowerCase()}. Thank you.`;
    } catch (error) {
      thanks.textContent = `Not kept: ${error.message}`;
    }
  }
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
