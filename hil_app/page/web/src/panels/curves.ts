/** The curves of a run: those that the learning sends, and the newest of what the joints feel. */

import { byId } from "../dom";
import type { Curves, Point, Run, State } from "../protocol";
import { Chart, type Drawn } from "./chart";

const LIVE_S = 60; // of what the joints feel
const LIVE_EVERY_S = 0.25;
const REDRAW_MS = 1000;
const HUES = ["a", "b", "c", "d", "e", "f"];
const LEARNING: Drawn[] = [
  {
    title: "Success",
    unit: "%",
    scale: 100,
    range: [-4, 104],
    x: "tick",
    series: [
      { key: "success_recent", label: "last 20", hue: "a" },
      { key: "success_alone", label: "on its own", hue: "c" },
    ],
  },
  {
    title: "Interventions",
    unit: "% of ticks",
    scale: 100,
    range: [-4, 104],
    x: "tick",
    series: [{ key: "interventions", label: "", hue: "b" }],
  },
  { title: "Return", x: "tick", series: [{ key: "return", label: "", hue: "a" }] },
  {
    title: "Losses",
    x: "tick",
    series: [
      { key: "loss_critic", label: "critic", hue: "a" },
      { key: "loss_actor", label: "actor", hue: "b" },
      { key: "loss_discrete_critic", label: "gripper", hue: "c" },
    ],
  },
  {
    title: "Q",
    x: "tick",
    series: [
      { key: "q_mean", label: "mean", hue: "a" },
      { key: "q_spread", label: "spread", hue: "b" },
    ],
  },
  { title: "Entropy temperature", x: "tick", series: [{ key: "temperature", label: "", hue: "d" }] },
  { title: "Updates", unit: "/s", x: "tick", series: [{ key: "updates_per_second", label: "", hue: "e" }] },
  { title: "Lateness p99", unit: "ms", x: "tick", series: [{ key: "lateness_p99", label: "", hue: "f" }] },
];

export class CurvePanel {
  private readonly panel = byId("curves");
  private readonly host = byId("charts");
  private series = new Map<string, Point[]>();
  private charts = new Map<Drawn, Chart>();
  private drawings: Drawn[] = LEARNING;
  private live: Drawn[] = [];
  private sampled = -1;
  private changed = false;

  constructor() {
    setInterval(() => this.redraw(), REDRAW_MS);
  }

  begin(run: Run): void {
    this.series.clear();
    this.charts.clear();
    this.host.replaceChildren();
    this.live = [joints(run, "loads", "Joint loads", "%"), joints(run, "temperatures", "Joint temperatures", "°C")];
    this.drawings = [...LEARNING, ...this.live];
    this.sampled = -1;
  }

  add({ from, series }: Curves): void {
    for (const [name, points] of Object.entries(series)) {
      const before = from === 0 ? [] : (this.series.get(name) ?? []);
      this.series.set(name, before.concat(points));
    }
    this.changed = true;
  }

  /** Keep what the joints feel now. */
  sample(state: State): void {
    if (state.t < this.sampled + LIVE_EVERY_S && state.t >= this.sampled) return;
    this.sampled = state.t;
    for (const kind of ["loads", "temperatures"] as const) {
      state[kind]?.forEach((value, index) => this.keep(`${kind}.${index}`, [state.t, value]));
    }
  }

  private keep(key: string, point: Point): void {
    const points = this.series.get(key) ?? [];
    const old = points.findIndex(([t]) => t > point[0] - LIVE_S);
    this.series.set(key, [...points.slice(old < 0 ? points.length : old), point]);
    this.changed = true;
  }

  /** Draw those that have points; a chart appears with its first one. */
  private redraw(): void {
    if (!this.changed || document.hidden) return;
    this.changed = false;
    for (const drawn of this.drawings) {
      if (!drawn.series.some(({ key }) => this.series.get(key)?.length)) continue;
      this.chart(drawn).set(this.series);
    }
    this.panel.hidden = this.charts.size === 0;
  }

  private chart(drawn: Drawn): Chart {
    let chart = this.charts.get(drawn);
    if (chart === undefined) {
      chart = new Chart(drawn);
      this.charts.set(drawn, chart);
      const order = this.drawings.filter((one) => this.charts.has(one));
      this.host.replaceChildren(...order.flatMap((one) => this.charts.get(one)?.host ?? []));
    }
    return chart;
  }
}

function joints(run: Run, kind: string, title: string, unit: string): Drawn {
  const series = run.joints.map((name, index) => ({
    key: `${kind}.${index}`,
    label: short(name),
    hue: HUES[index % HUES.length] ?? "a",
  }));
  return { title, unit, x: "second", series };
}

/** shoulder_pan → pan: as much as a legend has room for. */
function short(name: string): string {
  return name.split("_").pop() ?? name;
}
