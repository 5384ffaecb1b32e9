/** The WebSocket to the page's process, opened again whenever it is lost. */

import type { FromServer, ToServer } from "./protocol";

const AGAIN_MS = [200, 400, 800, 1500];
const PING_MS = 1000;
const SILENT_MS = 4000; // without any news the line counts as lost
const WRONG_TOKEN = 4401;

export type Line = "connecting" | "open" | "lost" | "refused";

export interface Hears {
  message(message: FromServer): void;
  image(camera: number, age: number, jpeg: Blob): void;
  line(line: Line): void;
}

export class Connection {
  line: Line = "connecting";
  private socket: WebSocket | null = null;
  private tries = 0;
  private heard = 0;

  constructor(
    readonly token: string,
    private readonly hears: Hears,
  ) {
    setInterval(() => this.check(), PING_MS);
    addEventListener("online", () => this.socket?.close());
  }

  /** Open the line; from then on it stays open as far as that is possible. */
  open(): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", token: this.token }));
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.hear(event.data);
    socket.onclose = (event) => this.closed(socket, event.code);
    this.socket = socket;
    this.heard = performance.now();
  }

  /** Send now, or not at all; says whether it was sent. */
  send(message: ToServer): boolean {
    if (this.line !== "open" || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** The emergency stop by plain HTTP, for when the socket is down; whether it was taken. */
  async postEmergencyStop(): Promise<boolean> {
    const headers = { Authorization: `Bearer ${this.token}` };
    try {
      const answer = await fetch("/api/emergency_stop", {
        method: "POST",
        headers,
        signal: AbortSignal.timeout(1000),
      });
      return answer.ok;
    } catch {
      return false;
    }
  }

  private hear(data: string | ArrayBuffer): void {
    this.heard = performance.now();
    if (typeof data === "string") {
      const message = JSON.parse(data) as FromServer;
      if (message.type === "hello") this.turn("open");
      this.hears.message(message);
      return;
    }
    const view = new DataView(data);
    const jpeg = new Blob([data.slice(9)], { type: "image/jpeg" });
    this.hears.image(view.getUint8(0), view.getFloat64(1, true), jpeg);
  }

  private closed(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return;
    this.socket = null;
    if (code === WRONG_TOKEN) {
      this.turn("refused");
      return;
    }
    this.turn("lost");
    const wait = AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)];
    setTimeout(() => this.open(), wait);
  }

  private turn(line: Line): void {
    if (line === "open") this.tries = 0;
    if (line === this.line) return;
    this.line = line;
    this.hears.line(line);
  }

  private check(): void {
    if (this.socket === null) return;
    const silent = performance.now() - this.heard > SILENT_MS;
    if (silent) {
      const { socket } = this;
      socket.close(); // its own event may take long: the line is lost now
      this.closed(socket, 1006);
    } else {
      this.send({ type: "ping", t: performance.now() });
    }
  }
}
