/** The cameras, drawn from binary frames as they come, each with its age. */

import { byId, make, say } from "../dom";
import type { Camera } from "../protocol";

const OLD_S = 0.4;
const FROZEN_S = 1.5;
const LOOK_MS = 100;

interface Shown {
  figure: HTMLElement;
  canvas: HTMLCanvasElement;
  age: HTMLElement;
  taken: number | null; // when the image on screen was taken, by performance.now() [ms]
}

export class Cameras {
  private readonly host = byId("cameras");
  private shown: Shown[] = [];
  private waiting: number[] = []; // cameras whose frames are acknowledged once the page is seen

  constructor(private readonly drawn: (camera: number) => void) {
    setInterval(() => this.showAges(), LOOK_MS);
    document.addEventListener("visibilitychange", () => this.seen());
  }

  begin(cameras: Camera[]): void {
    this.shown = cameras.map(one);
    this.waiting = [];
    this.host.replaceChildren(...this.shown.map(({ figure }) => figure));
    this.host.hidden = cameras.length === 0;
    this.host.dataset.count = String(cameras.length);
  }

  /** Draw a frame, then ask for the next one. */
  async draw(camera: number, age: number, jpeg: Blob): Promise<void> {
    const shown = this.shown[camera];
    if (shown === undefined) return;
    const taken = performance.now() - 1000 * age;
    try {
      const bitmap = await createImageBitmap(jpeg);
      const { canvas } = shown;
      if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
        [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      }
      canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
      bitmap.close();
      shown.taken = taken;
    } catch {
      // a frame that cannot be decoded is left out: its age goes on and shows it
    }
    if (document.hidden) this.waiting.push(camera);
    else requestAnimationFrame(() => this.drawn(camera));
  }

  private seen(): void {
    if (document.hidden) return;
    for (const camera of this.waiting.splice(0)) this.drawn(camera);
  }

  private showAges(): void {
    for (const { figure, age, taken } of this.shown) {
      if (taken === null) {
        say(age, "no image yet");
        continue;
      }
      const seconds = (performance.now() - taken) / 1000;
      say(age, seconds < 10 ? `${Math.round(1000 * seconds)} ms` : `${Math.round(seconds)} s`);
      figure.dataset.age = seconds > FROZEN_S ? "frozen" : seconds > OLD_S ? "old" : "new";
    }
  }
}

function one(camera: Camera): Shown {
  const canvas = make("canvas");
  [canvas.width, canvas.height] = [camera.width, camera.height];
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Camera ${camera.name}`);
  const age = make("span", "age");
  const caption = make("figcaption", "", make("span", "", camera.name), age);
  return { figure: make("figure", "camera", canvas, caption), canvas, age, taken: null };
}
