/** The answer of a model to one picture: the digit, how sure, accepted or why not, and the bars of all ten. */

import { byId, element, percent } from "./dom.js";

const REASONS = {
  several_digits: "more than one digit",
  no_digit: "no digit",
  unsure: "not sure enough",
  no_number: "no number",
  breaks_format: "not the expected form",
  breaks_words: "another amount than the words say",
  breaks_sum: "in a sum that does not hold",
};
const SPOKEN_AFTER_MS = 500; // a screen reader is told when the answer stays, not at every stroke

/** Why an answer is not accepted, in words. */
export const reasonOf = (answer) => REASONS[answer.reason] ?? answer.reason;

export class AnswerView {
  #bars = [];
  #timer = 0;

  /** @param onTarget is called with the digit whose bar is pressed, or null where it is pressed again. */
  constructor(onTarget) {
    for (let digit = 0; digit < 10; digit++) {
      const fill = element("span", { class: "fill" });
      const value = element("span", { class: "value" }, "–");
      const label = element("span", { class: "label" }, `${digit}`);
      const track = element("span", { class: "track", "aria-hidden": "true" }, fill);
      const button = element("button", { type: "button", "aria-pressed": "false", disabled: "" }, label, track, value);
      button.addEventListener("click", () => onTarget(button.ariaPressed === "true" ? null : digit));
      this.#bars.push({ button, fill, value });
      byId("bars").append(element("li", {}, button));
    }
  }

  /** Nothing is there to read. */
  showNothing() {
    this.#show({ state: "empty", digit: "?", sure: "Nothing to read yet", why: "The answer comes while you write." });
  }

  /** @param answer is the JSON of a model that reads digits. */
  showAnswer(answer) {
    const { digit, confidence, accepted, probabilities } = answer;
    const badge = accepted ? ["good", "accepted"] : ["warn", `not accepted: ${reasonOf(answer)}`];
    const why = accepted ? "" : `If it is a digit at all, it is most likely a ${digit}.`;
    this.#show({ state: accepted ? "sure" : "unsure", digit, sure: `${percent(confidence)} sure`, badge, why, probabilities });
  }

  /** @param refusal says what came and what is accepted. */
  showRefusal(refusal) {
    const sure = refusal.type === "BlankPicture" ? "Nothing is written there" : "Not read";
    const badge = ["bad", `${refusal.code || ""} ${refusal.type}`.trim()];
    this.#show({ state: "refused", digit: "–", sure, badge, why: refusal.message });
  }

  /** Mark the bar of the digit that is explained, if it was asked for. */
  showTarget(target) {
    for (const [digit, { button }] of this.#bars.entries()) button.ariaPressed = String(digit === target);
  }

  #show({ state, digit, sure, badge, why, probabilities }) {
    byId("verdict").dataset.state = state;
    byId("digit").textContent = digit;
    byId("sure").textContent = sure;
    byId("why").textContent = why;
    const place = byId("badge");
    place.hidden = !badge;
    if (badge) [place.dataset.kind, place.textContent] = badge;
    const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
    for (const [i, { button, fill, value }] of this.#bars.entries()) {
      button.disabled = !probabilities;
      button.classList.toggle("best", i === best);
      fill.style.width = probabilities ? `${100 * probabilities[i]}%` : "0";
      value.textContent = probabilities ? percent(probabilities[i]) : "–";
    }
    clearTimeout(this.#timer);
    if (state !== "empty") this.#timer = setTimeout(() => this.#say([digit, sure, badge?.[1], why]), SPOKEN_AFTER_MS);
  }

  #say(parts) {
    byId("told").textContent = parts.filter((part) => part !== "" && part !== undefined).join(", ");
  }
}
