/** Two sticks on the screen: who touches them has taken over, who lets go has handed back. */

import { make } from "../dom";
import type { Sticks } from "../protocol";

const KNOB = 0.62; // the way of the knob's middle, as a share of the field's half

type Side = "left" | "right";

export class TouchSticks {
  readonly host: HTMLElement;
  private readonly at: Record<Side, [number, number]> = { left: [0, 0], right: [0, 0] };
  private readonly fields = new Map<Side, HTMLElement>();
  private readonly touching = new Set<number>(); // pointers on anything that takes over
  private gripper: 0 | 1 | 2 = 1;

  constructor(private readonly changed: () => void) {
    const middle = make(
      "div",
      "between",
      this.button("Open gripper", () => (this.gripper = 2)),
      this.button("Hold still", () => undefined),
      this.button("Close gripper", () => (this.gripper = 0)),
    );
    this.host = make("div", "sticks", this.stick("left"), middle, this.stick("right"));
    this.host.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  /** Write what each stick does beside it; `mapping` is a pad's. */
  label(mapping: Record<string, string>): void {
    for (const [side, field] of this.fields) {
      for (const way of ["up", "down", "left", "right"] as const) {
        const words = field.querySelector(`.${way}`);
        if (words !== null) words.textContent = mapping[`${side} stick ${way}`] ?? "";
      }
    }
  }

  /** Where the sticks are; null while nobody touches them. */
  state(): Sticks | null {
    if (!this.touching.size) return null;
    const { left, right } = this.at;
    return { left: [...left], right: [...right], hold: true, gripper: this.gripper };
  }

  letGo(): void {
    this.touching.clear();
    this.gripper = 1;
    for (const side of ["left", "right"] as const) this.move(side, 0, 0);
    this.host.querySelectorAll(".pressed").forEach((one) => one.classList.remove("pressed"));
  }

  private stick(side: Side): HTMLElement {
    const ways = ["up", "down", "left", "right"].map((way) => make("span", `way ${way}`));
    const field = make("div", "stick", make("i", "knob"), ...ways);
    field.setAttribute("role", "application");
    field.setAttribute("aria-label", `${side} stick: touch and drag`);
    this.fields.set(side, field);
    const drag = (event: PointerEvent) => {
      const box = field.getBoundingClientRect();
      const reach = (KNOB * box.width) / 2;
      const x = (event.clientX - box.left - box.width / 2) / reach;
      const y = (event.clientY - box.top - box.height / 2) / reach;
      const over = Math.max(1, Math.hypot(x, y));
      this.move(side, x / over, y / over);
    };
    this.press(field, drag, () => this.move(side, 0, 0));
    field.addEventListener("pointermove", (event) => {
      if (!field.classList.contains("pressed")) return;
      drag(event);
      this.changed();
    });
    return field;
  }

  private button(words: string, down: () => void): HTMLElement {
    const button = make("button", "", words);
    button.type = "button";
    this.press(button, down, () => (this.gripper = 1));
    return button;
  }

  /** Have an element pressed by one pointer at a time, wherever that goes. */
  private press(element: HTMLElement, down: (event: PointerEvent) => void, up: () => void): void {
    let pointer: number | null = null;
    element.addEventListener("pointerdown", (event) => {
      if (pointer !== null && this.touching.has(pointer)) return;
      event.preventDefault();
      pointer = event.pointerId;
      element.setPointerCapture(pointer);
      this.touching.add(pointer);
      element.classList.add("pressed");
      down(event);
      this.changed();
    });
    const end = (event: PointerEvent) => {
      if (event.pointerId !== pointer) return;
      this.touching.delete(pointer);
      pointer = null;
      element.classList.remove("pressed");
      up();
      this.changed();
    };
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
      element.addEventListener(kind, end);
    }
  }

  private move(side: Side, x: number, y: number): void {
    this.at[side] = [Math.round(1000 * x) / 1000, Math.round(1000 * y) / 1000];
    const field = this.fields.get(side);
    field?.style.setProperty("--x", String(KNOB * x));
    field?.style.setProperty("--y", String(KNOB * y));
  }
}
