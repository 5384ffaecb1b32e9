/** Sends what the operator's devices say: at every change, and often enough to be alive. */

import type { Connection } from "../connection";
import type { Input } from "../protocol";
import { Keyboard } from "./keyboard";
import { type Pads, PadReader, raw } from "./gamepad";
import { TouchSticks } from "./touch";

const POLL_MS = 8; // the pad has no events
const ALIVE_MS = 15; // so that a hitch of the browser or the computer is no silence
const REST: Input = { gamepad: null, keys: [], sticks: null };

export class InputSender {
  readonly keyboard: Keyboard;
  readonly touch: TouchSticks;
  pads: Pads = { pad: null, unknown: null };
  private readonly reader = new PadReader();
  private mine = false;
  private seq = 0;
  private last = "";
  private sent = 0;

  constructor(private readonly connection: Connection) {
    this.keyboard = new Keyboard(() => this.mine, () => this.send());
    this.touch = new TouchSticks(() => this.send());
    setInterval(() => this.poll(), POLL_MS);
    addEventListener("blur", () => this.release());
    addEventListener("pagehide", () => this.release());
    document.addEventListener("visibilitychange", () => this.release());
  }

  /** Whether this browser has the controls; without them nothing is sent. */
  own(mine: boolean): void {
    if (mine === this.mine) return;
    if (!mine) this.release();
    this.mine = mine;
    this.last = "";
  }

  /** Everything counts as let go. */
  release(): void {
    this.keyboard.letGo();
    this.touch.letGo();
    this.send(REST);
  }

  private poll(): void {
    this.pads = this.reader.find();
    const quiet = performance.now() - this.sent < ALIVE_MS;
    const now = this.now();
    if (this.mine && !document.hidden && (!quiet || JSON.stringify(now) !== this.last)) this.send(now);
  }

  /** All devices; the pad counts only while the page has the focus. */
  private now(): Input {
    const gamepad = document.hasFocus() ? raw(this.pads.pad) : null;
    return { gamepad, keys: [...this.keyboard.held], sticks: this.touch.state() };
  }

  private send(input: Input = this.now()): void {
    if (!this.mine) return;
    this.last = JSON.stringify(input);
    this.sent = performance.now();
    this.connection.send({ type: "input", seq: this.seq++, ...input });
  }
}
