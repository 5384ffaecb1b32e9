/** What one camera saw in an episode: its video, or image after image where the browser cannot play it. */

import { make, say } from "../dom";
import { get } from "../home/api";
import type { Camera } from "./model";

const AT_ONCE = 32; // images in one question
const MOST_OFF = 0.12; // that a playing video may be from where it should be [s]

export class CameraView {
  readonly host: HTMLElement;
  private readonly video = make("video");
  private readonly image = make("img");
  private readonly note = make("span", "none");
  private readonly asked = new Map<number, Promise<string[]>>();
  private images: boolean;
  private wanted = 0; // frame
  private playing = false;

  constructor(
    private readonly camera: Camera,
    private readonly path: string, // of the episode
    private readonly fps: number,
    signal: AbortSignal,
  ) {
    this.images = camera.video === null;
    this.host = make("figure", "camera", this.video, this.image, make("figcaption", "", camera.name, " ", this.note));
    this.video.setAttribute("aria-label", `Video of ${camera.name}`);
    this.image.alt = `Image of ${camera.name}`;
    [this.video.muted, this.video.playsInline, this.video.preload] = [true, true, "auto"];
    this.video.onerror = () => this.useImages();
    this.video.onseeked = () => this.follow();
    this.video.onloadeddata = () => this.follow();
    if (camera.video !== null) this.video.src = camera.video;
    signal.addEventListener("abort", () => this.video.removeAttribute("src"));
    this.choose();
  }

  /** Show a frame, or play on from it. */
  show(frame: number, playing: boolean): void {
    this.wanted = frame;
    const before = this.playing;
    this.playing = playing;
    if (this.camera.missing) return;
    if (this.images) return void this.showImage(frame);
    if (playing && !before) void this.video.play().catch(() => undefined);
    if (!playing && before) this.video.pause();
    this.follow();
  }

  private follow(): void {
    const due = this.camera.start + (this.wanted + 0.5) / this.fps;
    const off = Math.abs(this.video.currentTime - due);
    const most = this.playing ? MOST_OFF : 0.25 / this.fps;
    if (off > most && !this.video.seeking && this.video.readyState > 0) this.video.currentTime = due;
  }

  private useImages(): void {
    if (this.images || this.video.getAttribute("src") === null) return;
    this.images = true;
    say(this.note, "image by image: this browser does not play the video");
    this.choose();
    this.show(this.wanted, this.playing);
  }

  private choose(): void {
    this.video.hidden = this.images || this.camera.missing === true;
    this.image.hidden = !this.images || this.camera.missing === true;
    if (this.camera.missing) say(this.note, "recorded nothing in this episode");
  }

  private async showImage(frame: number): Promise<void> {
    const block = Math.floor(frame / AT_ONCE);
    if (this.playing) void this.block(block + 1);
    const found = await this.block(block);
    const source = found[frame % AT_ONCE];
    if (frame === this.wanted && source !== undefined) this.image.src = source;
  }

  private block(number: number): Promise<string[]> {
    const query = new URLSearchParams({
      camera: this.camera.name,
      first: String(number * AT_ONCE),
      count: String(AT_ONCE),
    });
    const asked = this.asked.get(number) ?? get<string[]>(`${this.path}/images?${query}`).catch(() => []);
    this.asked.set(number, asked);
    return asked;
  }
}
