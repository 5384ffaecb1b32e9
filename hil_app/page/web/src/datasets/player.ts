/** An episode as its cameras saw it and as it was done, frame by frame, with what one can say of it. */

import { make, percent, say } from "../dom";
import { button, panel } from "../home/elements";
import { CameraView } from "./camera";
import { Curves } from "./curves";
import { type Draft, type Episode, outcome } from "./model";

const HINTS: [string, string][] = [
  ["Space", "play"],
  ["← →", "a frame, with Shift ten"],
  ["S", "success"],
  ["F", "failure"],
  ["[ ]", "trim start, end"],
  ["D", "delete"],
  ["N P", "next, previous"],
];

export class Player {
  readonly host: HTMLElement;
  private frame = 0;
  private started: number | null = null; // when frame 0 would have been played [ms]
  private readonly cameras: CameraView[];
  private readonly curves: Curves;
  private readonly slider = make("input");
  private readonly time = make("output", "time");
  private readonly keeps = make("p", "none");
  private readonly play: HTMLButtonElement;
  private readonly marks: Record<"success" | "failure" | "delete" | "all", HTMLButtonElement>;

  constructor(
    private readonly episode: Episode,
    private readonly draft: Draft,
    path: string,
    private readonly signal: AbortSignal,
    private readonly changed: () => void,
    private readonly step: (by: number) => void,
  ) {
    this.cameras = episode.cameras.map((camera) => new CameraView(camera, path, episode.fps, signal));
    this.curves = new Curves(episode, (frame) => this.seek(frame));
    this.play = button("Play", () => this.toggle(), "main play");
    const { index } = episode;
    this.marks = {
      success: button("Success", () => this.edit(() => draft.toggleMark(index, true))),
      failure: button("Failure", () => this.edit(() => draft.toggleMark(index, false))),
      delete: button("Delete", () => this.edit(() => draft.toggleDelete(index)), "danger"),
      all: button("Keep all frames", () => this.edit(() => draft.keepAll(episode)), "quiet"),
    };
    this.host = this.arranged();
    this.keys();
    signal.addEventListener("abort", () => (this.started = null));
    this.tell();
    this.seek(0);
  }

  /** Show what is to become of the episode. */
  tell(): void {
    const { draft, episode } = this;
    const [deleted, mark] = [draft.isDeleted(episode.index), draft.mark(episode.index)];
    const [first, last] = draft.kept(episode);
    this.marks.success.setAttribute("aria-pressed", String(mark === true));
    this.marks.failure.setAttribute("aria-pressed", String(mark === false));
    say(this.marks.delete, deleted ? "Restore" : "Delete");
    this.marks.all.hidden = !draft.isTrimmed(episode.index);
    this.host.classList.toggle("deleted", deleted);
    const cut = last < episode.length - 1 && mark === undefined;
    const notes = [
      draft.isTrimmed(episode.index) ? `Keeps frames ${first} to ${last} of 0 to ${episode.length - 1}.` : "",
      cut ? "Its end is cut off: it counts as cut short unless you mark it." : "",
      deleted ? "It is deleted when you save." : "",
    ];
    say(this.keeps, notes.filter(Boolean).join(" "));
    this.curves.keep([first, last]);
  }

  private arranged(): HTMLElement {
    const { episode, slider } = this;
    Object.assign(slider, { type: "range", min: "0", max: String(episode.length - 1), step: "1" });
    slider.setAttribute("aria-label", "Frame");
    slider.oninput = () => this.seek(Number(slider.value));
    const facts = [outcome(episode.success), `${episode.length} frames`, episode.stage ?? "", episode.task];
    if (episode.share !== null) facts.push(`operator ${percent(episode.share)}`);
    if (episode.recovered) facts.push("recovered after a crash");
    const trims = [
      button("Trim start here", () => this.edit(() => this.draft.trimStart(episode, this.frame))),
      button("Trim end here", () => this.edit(() => this.draft.trimEnd(episode, this.frame))),
    ];
    const { success, failure, all } = this.marks;
    return panel(
      `Episode ${episode.index}`,
      make("p", "facts", facts.filter(Boolean).join(" · ")),
      make("div", "cameras", ...this.cameras.map(({ host }) => host)),
      make("div", "row transport", this.play, slider, this.time),
      make("div", "row deeds", success, failure, ...trims, all, this.marks.delete),
      this.keeps,
      this.curves.host,
      make("p", "hints", ...HINTS.map(([key, what]) => make("span", "", make("kbd", "", key), ` ${what}`))),
    );
  }

  private edit(deed: () => void): void {
    deed();
    this.tell();
    this.changed();
  }

  private seek(frame: number): void {
    this.frame = Math.max(0, Math.min(this.episode.length - 1, frame));
    if (this.started !== null) this.started = performance.now() - (1000 * this.frame) / this.episode.fps;
    this.show();
  }

  private toggle(): void {
    if (this.started !== null) return this.stop();
    if (this.frame === this.episode.length - 1) this.frame = 0;
    this.started = performance.now() - (1000 * this.frame) / this.episode.fps;
    say(this.play, "Pause");
    requestAnimationFrame(() => this.tick());
  }

  private stop(): void {
    this.started = null;
    say(this.play, "Play");
    this.show();
  }

  private tick(): void {
    if (this.started === null || this.signal.aborted) return;
    const frame = Math.floor(((performance.now() - this.started) * this.episode.fps) / 1000);
    this.frame = Math.min(frame, this.episode.length - 1);
    if (frame >= this.episode.length - 1) return this.stop();
    this.show();
    requestAnimationFrame(() => this.tick());
  }

  private show(): void {
    const { frame, episode } = this;
    for (const camera of this.cameras) camera.show(frame, this.started !== null);
    this.curves.show(frame);
    this.slider.value = String(frame);
    const seconds = (frame / episode.fps).toFixed(2);
    say(this.time, `${seconds} s, frame ${frame}`);
    this.slider.setAttribute("aria-valuetext", `frame ${frame}, ${seconds} seconds`);
  }

  private keys(): void {
    const { draft, episode } = this;
    const deeds: Record<string, (event: KeyboardEvent) => void> = {
      " ": () => this.toggle(),
      ArrowLeft: (event) => this.seek(this.frame - (event.shiftKey ? 10 : 1)),
      ArrowRight: (event) => this.seek(this.frame + (event.shiftKey ? 10 : 1)),
      Home: () => this.seek(0),
      End: () => this.seek(episode.length - 1),
      s: () => this.edit(() => draft.toggleMark(episode.index, true)),
      f: () => this.edit(() => draft.toggleMark(episode.index, false)),
      d: () => this.edit(() => draft.toggleDelete(episode.index)),
      "[": () => this.edit(() => draft.trimStart(episode, this.frame)),
      "]": () => this.edit(() => draft.trimEnd(episode, this.frame)),
      n: () => this.step(1),
      p: () => this.step(-1),
    };
    const press = (event: KeyboardEvent) => {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const deed = deeds[key];
      if (deed === undefined || event.ctrlKey || event.metaKey || event.altKey || isTaken(event, key)) return;
      event.preventDefault();
      deed(event);
    };
    document.addEventListener("keydown", press, { signal: this.signal });
  }
}

/** Whether a key is for the element that has the focus, or for a dialog. */
function isTaken(event: KeyboardEvent, key: string): boolean {
  const target = event.target as HTMLElement;
  if (document.querySelector("dialog[open]") !== null) return true;
  if (target instanceof HTMLInputElement) return target.type !== "range" || key.length > 1;
  return key === " " && target.closest("button, a, summary") !== null;
}
