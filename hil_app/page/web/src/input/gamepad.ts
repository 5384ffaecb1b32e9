/** The pad in the operator's hands, as the browser reads it. */

import type { Input } from "../protocol";

const TOUCHED = 0.5;

/** W3C's standard gamepad, in the names that hil-app has for its controls. */
export const AXES = ["leftx", "lefty", "rightx", "righty"] as const;
export const BUTTONS = [
  ...["a", "b", "x", "y", "leftshoulder", "rightshoulder", "lefttrigger", "righttrigger"],
  ...["back", "start", "leftstick", "rightstick", "dpup", "dpdown", "dpleft", "dpright", "guide"],
] as const;

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
  return { axes: pad.axes.slice(0, AXES.length).map(rounded), buttons };
}
