/** The pad and the keys, drawn live: what each control does, and which are moved now. */

import { make, say } from "../dom";
import { BUTTONS, type Pads } from "../input/gamepad";

const KEYS: Record<string, string> = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→",
  ShiftLeft: "⇧", ShiftRight: "⇧ →", ControlLeft: "Ctrl", ControlRight: "Ctrl →",
  AltLeft: "Alt", AltRight: "Alt →", Space: "space", Enter: "Enter", Escape: "Esc",
  PageUp: "Page ↑", PageDown: "Page ↓", Backspace: "⌫",
};
const WAYS = ["up", "down", "left", "right"];
const REACH = 0.62; // of the knob, as a share of the field's half
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
      const ways = WAYS.map((way) => make("span", `way ${way}`));
      const field = make("div", "stick", make("i", "knob"), ...ways);
      this.sticks.set(side, field);
      return field;
    });
    this.host.append(this.note, make("div", "pad-sticks", ...sides), this.list);
  }

  /** Write what each control does. */
  label(mapping: Record<string, string>): void {
    for (const [side, field] of this.sticks) {
      for (const way of WAYS) {
        const place = field.querySelector(`.${way}`);
        if (place !== null) say(place, mapping[`${side} stick ${way}`] ?? "");
      }
    }
    this.chips.clear();
    const used = BUTTONS.filter((name) => mapping[name]);
    for (const name of used) this.chips.set(name, chip(short(name), mapping[name] ?? ""));
    this.list.replaceChildren(...this.chips.values());
  }

  show({ pad, unknown }: Pads): void {
    say(this.note, words(pad, unknown));
    this.host.toggleAttribute("data-there", pad !== null);
    ["left", "right"].forEach((side, place) => {
      const style = this.sticks.get(side)?.style;
      ["--x", "--y"].forEach((axis, index) => {
        const value = Math.min(Math.max(pad?.axes[2 * place + index] ?? 0, -1), 1);
        style?.setProperty(axis, String(REACH * value));
      });
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

/** "left stick pressed" → "L press", "D-pad up" → "D ↑": as much as there is room for. */
function short(name: string): string {
  const arrows: Record<string, string> = { up: "↑", down: "↓", left: "←", right: "→" };
  if (name.endsWith(" stick pressed")) return `${name.charAt(0).toUpperCase()} press`;
  return name.replace(/^D-pad (\w+)$/, (_, way: string) => `D ${arrows[way] ?? way}`);
}

function words(pad: Gamepad | null, unknown: string | null): string {
  if (pad !== null) return pad.id.replace(/\s*\((STANDARD|Vendor).*$/i, "");
  if (unknown !== null) return `The browser does not know the layout of ${unknown}: use another pad or browser`;
  if (!isSecureContext) return "Browsers read gamepads only over https or from this computer";
  return "Press a button on a gamepad to use it";
}
