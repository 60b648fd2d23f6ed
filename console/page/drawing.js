/** A drawing of strokes, by mouse, finger, pen or keys. Strokes are kept as points from 0 to 1, so they are sharp at any size. */

const PEN = 0.075; // width of the pen, as a share of the side
const SENT_PX = 280; // side of the picture that is sent
const STEP = 0.025; // of an arrow key; with Shift four of them
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Drawing {
  #strokes = [];
  #stroke = null; // that is being drawn
  #cursor = null; // of the keys: {x, y}
  #offscreen = Object.assign(document.createElement("canvas"), { width: SENT_PX, height: SENT_PX });

  /**
   * @param canvas that is drawn on.
   * @param onChange is called with whether the stroke has ended.
   * @param onPen is called with what the keys do, in words.
   */
  constructor(canvas, onChange, onPen) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.onPen = onPen;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("blur", () => this.#leave());
    new ResizeObserver(() => this.#show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  clear() {
    this.#strokes = [];
    this.#stroke = null;
    this.#changed(true);
  }

  undo() {
    this.#strokes.pop();
    this.#stroke = null;
    this.#changed(true);
  }

  /** The drawing as a PNG, dark on white whatever the page's colours. */
  toBlob() {
    const context = this.#offscreen.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT_PX, SENT_PX);
    this.#paint(context, SENT_PX, "#000");
    return new Promise((resolve) => this.#offscreen.toBlob(resolve, "image/png"));
  }

  #begin(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#cursor = null;
    this.#start(this.#point(event));
  }

  #move(event) {
    if (!this.#stroke || !event.isPrimary || event.buttons === 0) return;
    // A fast pen is sampled more often than the page is drawn; the points in between make the stroke round.
    for (const each of event.getCoalescedEvents?.() ?? [event]) this.#stroke.push(this.#point(each));
    this.#changed(false);
  }

  #end() {
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#changed(true);
  }

  #start(point) {
    this.#stroke = [point];
    this.#strokes.push(this.#stroke);
    this.#changed(false);
  }

  #press(event) {
    const step = ARROWS[event.key];
    if (step) this.#step(step.map((each) => each * STEP * (event.shiftKey ? 4 : 1)));
    else if (event.key === " ") this.#toggle();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  }

  #step([dx, dy]) {
    const from = this.#cursor ?? { x: 0.5, y: 0.5 };
    const inside = (value) => Math.min(0.96, Math.max(0.04, value));
    this.#cursor = { x: inside(from.x + dx), y: inside(from.y + dy) };
    if (this.#stroke) {
      this.#stroke.push(this.#cursor);
      this.#changed(false);
    } else this.#show();
  }

  #toggle() {
    this.#cursor ??= { x: 0.5, y: 0.5 };
    if (this.#stroke) this.#end();
    else this.#start(this.#cursor);
    this.onPen(this.#stroke ? "Pen down" : "Pen up");
  }

  #leave() {
    this.#end();
    this.#cursor = null;
    this.#show();
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  #changed(isDone) {
    this.#show();
    this.onChange(isDone);
  }

  #show() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio) || SENT_PX;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    this.#paint(context, side, getComputedStyle(this.canvas).color);
    if (!this.#cursor) return;
    context.lineWidth = 2 * devicePixelRatio;
    context.beginPath();
    context.arc(this.#cursor.x * side, this.#cursor.y * side, (PEN * side) / 2 + context.lineWidth, 0, 2 * Math.PI);
    context.stroke();
  }

  #paint(context, side, colour) {
    Object.assign(context, { strokeStyle: colour, lineWidth: PEN * side, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.#strokes) {
      const points = stroke.map(({ x, y }) => [x * side, y * side]);
      context.beginPath();
      context.moveTo(...points[0]);
      context.lineTo(...points[0]); // a dot has no other point
      for (let i = 1; i < points.length; i++) {
        const [[x, y], [nextX, nextY]] = [points[i - 1], points[i]];
        context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
      }
      context.lineTo(...points.at(-1));
      context.stroke();
    }
  }
}
