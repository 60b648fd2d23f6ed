/** The chosen pictures as a row of small ones, each with the digit that was read; one of them is looked at. */

import { byId, element } from "./dom.js";

const MOST = 100; // pictures that are read of those chosen at once
const AT_ONCE = 4;

export class Strip {
  #buttons = [];

  /** @param onChoose is called with a file and the address of its picture. */
  constructor(onChoose) {
    this.onChoose = onChoose;
  }

  /** Show files, look at the first, and read the others with `read`, which gives a digit as text or null. */
  async show(files, read) {
    this.clear();
    const shown = files.slice(0, MOST).map((file) => this.#add(file));
    byId("strip").hidden = shown.length < 2;
    this.#choose(shown[0]);
    const waiting = shown.length > 1 ? [...shown] : [];
    const readOn = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) mark(next, await read(next.file));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, readOn));
  }

  clear() {
    for (const { address } of this.#buttons) URL.revokeObjectURL(address);
    this.#buttons = [];
    byId("strip").replaceChildren();
    byId("strip").hidden = true;
  }

  #add(file) {
    const address = URL.createObjectURL(file);
    const told = element("span", {}, "…");
    const image = element("img", { src: address, alt: file.name });
    image.addEventListener("error", () => image.classList.add("unseen")); // the server may read what the browser cannot show
    const button = element("button", { type: "button", "aria-pressed": "false", title: file.name }, image, told);
    const entry = { file, address, button, told };
    button.addEventListener("click", () => this.#choose(entry));
    byId("strip").append(element("li", {}, button));
    this.#buttons.push(entry);
    return entry;
  }

  #choose(entry) {
    for (const { button } of this.#buttons) button.ariaPressed = String(button === entry.button);
    this.onChoose(entry.file, entry.address);
  }
}

function mark({ told }, digit) {
  told.textContent = digit ?? "✕";
  told.classList.toggle("refused", digit === null);
}
