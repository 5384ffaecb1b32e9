/** One small chart: a title, a legend that says the values, and uPlot's lines. */

import uPlot from "uplot";
import { colour, figure, make, onScheme, say } from "../dom";
import type { Point } from "../protocol";

export interface Drawn {
  title: string;
  unit?: string;
  series: { key: string; label: string; hue: string }[];
  range?: [number, number]; // of y; by the data where it is not said
  scale?: number; // values are shown times this
  x: string; // what x is
  height?: number; // [px]
}

const HEIGHT = 96; // [px], as charts.css has it

export class Chart {
  readonly host: HTMLElement;
  private readonly values: HTMLElement[];
  private readonly plot: uPlot;
  private waiting: uPlot.AlignedData | null = null;
  private seen = false;

  constructor(private readonly drawn: Drawn) {
    this.values = drawn.series.map(() => make("b"));
    const field = make("div", "plot");
    if (drawn.height !== undefined) field.style.height = `${drawn.height}px`;
    this.host = make("figure", "chart", this.caption(), field);
    this.plot = new uPlot(this.options(), [[], ...drawn.series.map(() => [])], field);
    new ResizeObserver(() => this.resize(field)).observe(field);
    new IntersectionObserver(([entry]) => this.look(entry?.isIntersecting ?? true)).observe(field);
    onScheme(() => this.plot.redraw());
  }

  /** Show these points, those of each series; they need not have the same x. */
  set(series: Map<string, Point[]>): void {
    const factor = this.drawn.scale ?? 1;
    const tables = this.drawn.series.map(({ key }): uPlot.AlignedData => {
      const points = series.get(key) ?? [];
      return [points.map(([x]) => x), points.map(([, y]) => (y === null ? null : factor * y))];
    });
    const joined = tables.length === 1 ? tables[0] : uPlot.join(tables);
    this.waiting = joined ?? null;
    this.say(null);
    this.flush();
  }

  private get height(): number {
    return this.drawn.height ?? HEIGHT;
  }

  private look(seen: boolean): void {
    this.seen = seen;
    this.flush();
  }

  private flush(): void {
    if (!this.seen || this.waiting === null) return;
    this.plot.setData(this.waiting);
    this.waiting = null;
  }

  private resize(field: HTMLElement): void {
    if (field.clientWidth > 0) this.plot.setSize({ width: field.clientWidth, height: this.height });
  }

  private caption(): HTMLElement {
    const legend = this.drawn.series.map(({ label, hue }, index) => {
      const mark = make("i", `hue hue-${hue}`);
      return make("span", "", mark, label ? `${label} ` : "", this.values[index] ?? "");
    });
    return make("figcaption", "", make("span", "name", this.drawn.title), make("span", "legend", ...legend));
  }

  /** Say the values under the cursor, or the newest ones. */
  private say(index: number | null): void {
    const data = this.waiting ?? this.plot.data;
    this.values.forEach((shown, series) => {
      const column = data[series + 1] ?? [];
      const value = index === null ? newest(column) : column[index];
      const unit = this.drawn.unit ? ` ${this.drawn.unit}` : "";
      say(shown, value == null ? "–" : `${figure(value)}${unit}`);
    });
  }

  private options(): uPlot.Options {
    const { series, range } = this.drawn;
    const axis: uPlot.Axis = {
      stroke: () => colour("dim"),
      grid: { stroke: () => colour("line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    return {
      width: 240,
      height: this.height,
      padding: [6, 14, 0, 0],
      legend: { show: false },
      cursor: { points: { size: 6 }, drag: { x: false, y: false } },
      scales: { x: { time: false }, y: range ? { range: () => range } : {} },
      axes: [
        { ...axis, size: 22, gap: 3, space: 60, values: (_, ticks) => ticks.map(short) },
        { ...axis, size: this.drawn.height ? 48 : 38, gap: 3, space: 26, values: (_, ticks) => ticks.map(short) },
      ],
      series: [{ label: this.drawn.x }, ...series.map(({ label, hue }) => line(label, hue))],
      hooks: { setCursor: [(plot) => this.say(plot.cursor.idx ?? null)] },
    };
  }
}

function line(label: string, hue: string): uPlot.Series {
  return {
    label,
    stroke: () => colour(`hue-${hue}`),
    width: 1.75,
    spanGaps: true,
    points: { show: (plot) => plot.data[0].length < 30, size: 4 },
  };
}

function newest(column: ArrayLike<number | null | undefined>): number | null {
  for (let index = column.length - 1; index >= 0; index--) {
    const value = column[index];
    if (value != null) return value;
  }
  return null;
}

function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return `${+(value / 1000).toFixed(1)}k`;
  return String(+value.toPrecision(3));
}
