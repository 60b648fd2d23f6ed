/** The questions to the console. The console has the server's token; this page never sees it. */

/** An error in the server's own form: a code, a type, and a message that is shown as it is. */
export class Refusal extends Error {
  constructor({ code, type, message }) {
    super(message);
    this.code = code;
    this.type = type;
  }
}

const AWAY = { code: 0, type: "ConsoleAway", message: "the console does not answer; make console starts it" };

async function call(path, options) {
  let response;
  try {
    response = await fetch(`api/${path}`, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(AWAY);
  }
  if (!response.ok) throw new Refusal(await response.json().catch(() => ({ ...AWAY, code: response.status, type: "Unreadable" })));
  return response;
}

export class Api {
  /** Open a session with the console: the models that it knows, and the token that its own page needs. */
  static async open() {
    const api = new Api();
    api.session = await (await call("session")).json();
    return api;
  }

  get models() {
    return this.session.models;
  }

  #post(path, body, signal) {
    return call(path, { method: "POST", body, signal, headers: { "X-CSRF-Token": this.session.csrf } });
  }

  /** What a model reads in a picture: its answer, the version that gave it, and how long server and browser waited. */
  async predict(model, picture, signal) {
    const started = performance.now();
    const response = await this.#post(`predictions/${model}`, picture, signal);
    const answer = await response.json();
    const [, server] = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing")) ?? [0, NaN];
    return { answer, version: response.headers.get("X-Model-Version"), server: Number(server), whole: performance.now() - started };
  }

  /** The canvas of a picture with what speaks for the digit `target`, or for the one that is read: a PNG. */
  async explain(model, picture, target, signal) {
    const query = target === null ? "" : `?target=${target}`;
    return (await this.#post(`explanations/${model}${query}`, picture, signal)).blob();
  }

  /** A page of a document with its numbers framed and read: a PNG. */
  async drawPage(model, document, page, signal) {
    return (await this.#post(`drawings/${model}?page=${page}`, document, signal)).blob();
  }

  /** A step of the review: "take", "label", "undo", "suspects" or "again". */
  async review(step, said = {}) {
    return (await this.#post(`review/${step}`, JSON.stringify(said))).json();
  }

  async keep(feedback) {
    await this.#post("feedback", JSON.stringify(feedback));
  }
}

/** What the console has sampled of the server in the last minutes. */
export const status = async () => (await call("status")).json();
