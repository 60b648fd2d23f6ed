/** Small helpers around the page's elements. Whatever comes from outside becomes text, never markup. */

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is a string becomes text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** An element of SVG, in the same way. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A share as a percentage with one decimal; what is rounded to all never claims to be certain. */
export const percent = (share) => (share > 0.9994 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`);

/** Milliseconds with as many decimals as matter. */
export const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** Say in the header whether the server answers. */
export function showServer(isUp, text) {
  const place = byId("server");
  if (place.textContent !== text) place.textContent = text;
  place.dataset.state = isUp ? "up" : "away";
}

/** Link the page of the review where the console has pictures for it. */
export function showPages(session) {
  const link = byId("review-link");
  if (link) link.hidden = !session.review;
}
