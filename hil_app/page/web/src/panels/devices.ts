/** The pad and the keys, drawn live: what each control does, and which are moved now. */

import { make, say } from "../dom";
import { AXES, BUTTONS, type Pads } from "../input/gamepad";

const NAMES: Record<string, string> = {
  a: "A", b: "B", x: "X", y: "Y",
  leftshoulder: "LB", rightshoulder: "RB", lefttrigger: "LT", righttrigger: "RT",
  back: "Back", start: "Start", guide: "Guide",
  leftstick: "L press", rightstick: "R press",
  dpup: "D ↑", dpdown: "D ↓", dpleft: "D ←", dpright: "D →",
};
const KEYS: Record<string, string> = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→",
  ShiftLeft: "⇧ left", ShiftRight: "⇧ right", ControlLeft: "Ctrl", ControlRight: "Ctrl right",
  AltLeft: "Alt", AltRight: "Alt right", Space: "space bar", Enter: "Enter", Escape: "Esc",
  PageUp: "Page ↑", PageDown: "Page ↓", Backspace: "⌫",
};
const USED = 0.12; // share of an axis' way from which on it is lit

/** A key's code as it stands on the key. */
export function keyName(code: string): string {
  return KEYS[code] ?? code.replace(/^(Key|Digit)/, "");
}

export class PadView {
  readonly host = make("div", "pad");
  private readonly note = make("p", "note");
  private readonly chips = new Map<string, HTMLElement>();
  private readonly sticks = new Map<string, HTMLElement>();
  private readonly list = make("div", "chips");

  constructor() {
    const sides = ["left", "right"].map((side) => {
      const ways = ["up", "down", "left", "right"].map((way) => make("span", `way ${way}`));
      const field = make("div", "stick", make("i", "knob"), ...ways);
      this.sticks.set(side, field);
      return field;
    });
    this.host.append(this.note, make("div", "pad-sticks", ...sides), this.list);
  }

  /** Write what each control does. */
  label(mapping: Record<string, string>): void {
    for (const [side, field] of this.sticks) {
      const words = { up: "y-", down: "y+", left: "x-", right: "x+" };
      for (const [way, axis] of Object.entries(words)) {
        const place = field.querySelector(`.${way}`);
        if (place !== null) say(place, mapping[side + axis] ?? "");
      }
    }
    this.chips.clear();
    const used = BUTTONS.filter((name) => mapping[name]);
    for (const name of used) this.chips.set(name, chip(NAMES[name] ?? name, mapping[name] ?? ""));
    this.list.replaceChildren(...this.chips.values());
  }

  show({ pad, unknown }: Pads): void {
    say(this.note, words(pad, unknown));
    this.host.toggleAttribute("data-there", pad !== null);
    AXES.forEach((axis, index) => {
      const field = this.sticks.get(axis.slice(0, -1));
      const value = Math.min(Math.max(pad?.axes[index] ?? 0, -1), 1);
      field?.style.setProperty(`--${axis.slice(-1)}`, String(0.62 * value));
    });
    BUTTONS.forEach((name, index) => {
      const value = pad?.buttons[index]?.value ?? 0;
      const shown = this.chips.get(name);
      shown?.classList.toggle("lit", value > USED);
      shown?.style.setProperty("--pulled", String(value));
    });
  }
}

export class KeysView {
  readonly host = make("div", "keys");
  private readonly chips = new Map<string, HTMLElement>();

  label(keys: Record<string, string>): void {
    this.chips.clear();
    for (const [code, does] of Object.entries(keys)) this.chips.set(code, chip(keyName(code), does));
    this.host.replaceChildren(make("div", "chips", ...this.chips.values()));
  }

  show(held: Set<string>): void {
    for (const [code, shown] of this.chips) shown.classList.toggle("lit", held.has(code));
  }
}

function chip(name: string, does: string): HTMLElement {
  return make("span", "chip", make("kbd", "", name), make("span", "", does));
}

function words(pad: Gamepad | null, unknown: string | null): string {
  if (pad !== null) return pad.id.replace(/\s*\((STANDARD|Vendor).*$/i, "");
  if (unknown !== null) return `The browser does not know the layout of ${unknown}: use another pad or browser`;
  if (!isSecureContext) return "Browsers read gamepads only over https or from this computer";
  return "Press a button on a gamepad to use it";
}
