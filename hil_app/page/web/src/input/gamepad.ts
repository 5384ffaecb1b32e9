/** The pad in the operator's hands, as the browser reads it. */

import type { Input } from "../protocol";

const TOUCHED = 0.5;

/** The buttons of W3C's standard gamepad, as hil-app calls them. */
export const BUTTONS = [
  ...["A", "B", "X", "Y", "LB", "RB", "LT", "RT", "Back", "Start"],
  ...["left stick pressed", "right stick pressed"],
  ...["D-pad up", "D-pad down", "D-pad left", "D-pad right", "Guide"],
];
const AXES = 4;

export interface Pads {
  pad: Gamepad | null; // the one in use
  unknown: string | null; // name of one whose layout the browser does not know
}

export class PadReader {
  private used: number | null = null;

  /** The pad on which something was pressed last; the first one until then. */
  find(): Pads {
    if (typeof navigator.getGamepads !== "function") return { pad: null, unknown: null };
    const all = [...navigator.getGamepads()].filter((pad) => pad?.connected) as Gamepad[];
    const known = all.filter((pad) => pad.mapping === "standard");
    const touched = known.find((pad) => pad.index !== this.used && pad.buttons.some(({ value }) => value > TOUCHED));
    if (touched && !known.some((pad) => pad.index === this.used && active(pad))) this.used = touched.index;
    const pad = known.find(({ index }) => index === this.used) ?? known[0] ?? null;
    return { pad, unknown: pad === null ? (all[0]?.id ?? null) : null };
  }
}

function active(pad: Gamepad): boolean {
  return pad.buttons.some(({ value }) => value > 0) || pad.axes.some((value) => Math.abs(value) > TOUCHED);
}

/** Its axes and buttons, raw but for digits that no hand feels. */
export function raw(pad: Gamepad | null): Input["gamepad"] {
  if (pad === null) return null;
  const rounded = (value: number) => Math.round(value * 1000) / 1000;
  const buttons = pad.buttons.slice(0, BUTTONS.length).map(({ value, pressed }) => rounded(value || Number(pressed)));
  return { axes: pad.axes.slice(0, AXES).map(rounded), buttons };
}

/** Let the hand feel something, if the browser and the pad can. */
export function rumble(pad: Gamepad | null, strength: number, seconds: number): void {
  const duration = 1000 * seconds;
  const effect = { duration, strongMagnitude: strength, weakMagnitude: strength };
  pad?.vibrationActuator?.playEffect("dual-rumble", effect).catch(() => undefined);
}
