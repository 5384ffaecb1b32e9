/** The emergency stop: by the socket, and by plain HTTP until one of them has answered. */

import type { Connection } from "../connection";
import { byId, say } from "../dom";

const ANSWER_MS = 200; // the socket's, before HTTP is tried too
const AGAIN_MS = 500;
const TRIES = 20;

type Sent = "idle" | "sending" | "taken" | "failed";

export class EmergencyStop {
  private readonly button = byId("emergency");
  private readonly words = this.button.querySelector("span") as HTMLElement;
  private id = 0;
  private taken = false;
  private underWay = false;

  constructor(
    private readonly connection: Connection,
    private readonly next: () => number,
  ) {
    this.button.addEventListener("click", () => void this.press());
    addEventListener("keydown", (event) => this.key(event), { capture: true });
    addEventListener("keyup", (event) => this.swallow(event), { capture: true });
  }

  /** The server has taken a press. */
  pressed(id: number): void {
    if (id === this.id) this.taken = true;
  }

  /** A run that begins is not stopped. */
  begin(): void {
    if (!this.underWay) this.show("idle");
  }

  private key(event: KeyboardEvent): void {
    if (event.code !== "Space") return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) void this.press();
  }

  private swallow(event: KeyboardEvent): void {
    if (event.code !== "Space") return;
    event.preventDefault(); // or the button in focus would be clicked
    event.stopPropagation();
  }

  private async press(): Promise<void> {
    this.id = this.next();
    this.connection.send({ type: "press", what: "emergency_stop", id: this.id });
    if (this.underWay) return;
    this.underWay = true;
    this.taken = false;
    this.show("sending");
    await pause(ANSWER_MS);
    for (let tries = 0; !this.taken && tries < TRIES; tries++) {
      this.taken = (await this.connection.postEmergencyStop()) || this.taken;
      if (!this.taken) await pause(AGAIN_MS);
    }
    this.underWay = false;
    this.show(this.taken ? "taken" : "failed");
  }

  private show(sent: Sent): void {
    this.button.dataset.sent = sent;
    const words: Record<Sent, string> = {
      idle: "Emergency stop",
      sending: "Stopping …",
      taken: "Stop sent",
      failed: "Not heard: cut the power",
    };
    say(this.words, words[sent]);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
