/** What was done and what came of it, over the frames of an episode, with where it is looked at. */

import uPlot from "uplot";
import { colour, figure, make, onScheme, say } from "../dom";
import type { Episode } from "./model";

const HUES = ["a", "b", "c", "d", "e", "f"];
const HEIGHT = 120; // [px]
type Values = (number | null)[];

export class Curves {
  readonly host: HTMLElement;
  private readonly panels: Panel[];

  constructor(episode: Episode, seek: (frame: number) => void) {
    const { gripper, ...motions } = episode.motions;
    const parts: [string, Record<string, Values>][] = [["Actions", motions]];
    if (gripper !== undefined) parts.push(["Gripper: 0 closes, 1 stays, 2 opens", { gripper }]);
    if (episode.reward !== null) parts.push(["Reward", { reward: episode.reward }]);
    this.panels = parts.map(([title, series]) => new Panel(title, series, episode, seek));
    const key = make("p", "none key", make("i", "shade you"), "operator acted ", make("i", "shade cut"), "cut off");
    this.host = make("div", "curves", ...this.panels.map(({ host }) => host), key);
  }

  show(frame: number): void {
    for (const panel of this.panels) panel.show(frame);
  }

  /** Draw what is kept: from the first frame to the last. */
  keep(kept: [number, number]): void {
    for (const panel of this.panels) panel.keep(kept);
  }
}

class Panel {
  readonly host: HTMLElement;
  private readonly head = make("div", "playhead");
  private readonly values: HTMLElement[];
  private readonly plot: uPlot;
  private kept: [number, number];
  private frame = 0;

  constructor(
    title: string,
    private readonly series: Record<string, Values>,
    private readonly episode: Episode,
    seek: (frame: number) => void,
  ) {
    this.kept = [0, episode.length - 1];
    const names = Object.keys(series);
    this.values = names.map(() => make("b"));
    const legend = names.map((name, index) => {
      const label = names.length > 1 ? `${name} ` : "";
      return make("span", "", make("i", `hue hue-${hue(index)}`), label, this.values[index] ?? "");
    });
    const caption = make("figcaption", "", make("span", "name", title), make("span", "legend", ...legend));
    const field = make("div", "plot");
    field.style.height = `${HEIGHT}px`;
    this.host = make("figure", "chart", caption, field);
    this.plot = new uPlot(this.options(names), [episode.frames, ...Object.values(series)], field);
    this.plot.over.append(this.head);
    this.drag(seek);
    new ResizeObserver(() => this.resize(field)).observe(field);
    onScheme(() => this.plot.redraw());
  }

  show(frame: number): void {
    this.frame = frame;
    this.head.style.transform = `translateX(${this.plot.valToPos(frame, "x")}px)`;
    const { frames } = this.episode;
    const place = Math.min(Math.floor(frame / (frames[1] ?? 1)), frames.length - 1);
    Object.values(this.series).forEach((column, index) => {
      const value = column[place];
      const host = this.values[index];
      if (host !== undefined) say(host, value == null ? "–" : figure(value));
    });
  }

  keep(kept: [number, number]): void {
    this.kept = kept;
    this.plot.redraw(false);
  }

  private drag(seek: (frame: number) => void): void {
    const { over } = this.plot;
    const to = (event: PointerEvent) => {
      const value = this.plot.posToVal(event.clientX - over.getBoundingClientRect().left, "x");
      seek(Math.max(0, Math.min(this.episode.length - 1, Math.round(value))));
    };
    over.addEventListener("pointerdown", (event) => {
      over.setPointerCapture(event.pointerId);
      to(event);
    });
    over.addEventListener("pointermove", (event) => {
      if (event.buttons) to(event);
    });
  }

  private resize(field: HTMLElement): void {
    if (field.clientWidth === 0) return;
    this.plot.setSize({ width: field.clientWidth, height: HEIGHT });
    this.show(this.frame);
  }

  private shade(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const at = (frame: number) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, plot.valToPos(frame, "x", true)));
    const fill = (from: number, to: number, style: string, alpha: number) => {
      ctx.fillStyle = style;
      ctx.globalAlpha = alpha;
      ctx.fillRect(at(from), bbox.top, Math.max(1, at(to) - at(from)), bbox.height);
    };
    ctx.save();
    const [first, last] = this.kept;
    for (const [from, to] of this.episode.interventions) fill(from - 0.5, to - 0.5, colour("hue-b"), 0.22);
    if (first > 0) fill(-0.5, first - 0.5, colour("off"), 0.55);
    if (last < this.episode.length - 1) fill(last + 0.5, this.episode.length - 0.5, colour("off"), 0.55);
    for (const frame of this.episode.pauses) fill(frame - 0.5, frame - 0.5, colour("dim"), 1);
    ctx.restore();
  }

  private options(names: string[]): uPlot.Options {
    const axis: uPlot.Axis = {
      stroke: () => colour("dim"),
      grid: { stroke: () => colour("line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    const seconds = (frame: number) => `${+(frame / this.episode.fps).toFixed(2)} s`;
    return {
      width: 300,
      height: HEIGHT,
      padding: [6, 8, 0, 0],
      legend: { show: false },
      cursor: { points: { show: false }, y: false, drag: { x: false, y: false } },
      scales: { x: { time: false, range: () => [-0.5, Math.max(0.5, this.episode.length - 0.5)] } },
      axes: [
        { ...axis, size: 22, gap: 3, space: 60, values: (_, ticks) => ticks.map(seconds) },
        { ...axis, size: 38, gap: 3, space: 26 },
      ],
      series: [
        { label: "frame" },
        ...names.map((name, index): uPlot.Series => ({
          label: name,
          stroke: () => colour(`hue-${hue(index)}`),
          width: 1.75,
          points: { show: this.episode.length < 30, size: 4 },
        })),
      ],
      hooks: { drawClear: [(plot) => this.shade(plot)] },
    };
  }
}

function hue(index: number): string {
  return HUES[index % HUES.length] ?? "a";
}
