/** The curves of runs over their training ticks, a colour a run. */

import { make } from "../dom";
import { get, place } from "../home/api";
import { link, panel, table } from "../home/elements";
import { Chart, type Drawn } from "../panels/chart";
import type { Point } from "../protocol";

const HUES = ["a", "b", "c", "d", "e", "f"];
const HEIGHT = 190;
const SHARE = { unit: "%", scale: 100, range: [-4, 104] as [number, number] };
const TITLES: Record<string, Partial<Drawn> & { title: string }> = {
  success: { title: "Success, with help", ...SHARE },
  alone: { title: "Success, on its own", ...SHARE },
  interventions: { title: "Interventions", ...SHARE, unit: "% of ticks" },
  return: { title: "Return" },
  q: { title: "Q" },
  critic: { title: "Critic loss" },
  actor: { title: "Actor loss" },
  temperature: { title: "Entropy temperature" },
};

interface Compared {
  curves: Record<string, Record<string, Point[]>>;
  differences: Record<string, string[]>;
}

/** The curves of one run or several, and in which options these differ. */
export async function comparison(names: string[]): Promise<HTMLElement[]> {
  const query = names.map((name) => `run=${encodeURIComponent(name)}`).join("&");
  const { curves, differences } = await get<Compared>(`/curves?${query}`);
  const runs = Object.keys(curves);
  const drawn = Object.keys(TITLES).flatMap((kind) => chart(kind, runs, curves));
  if (drawn.length === 0) return [make("p", "none", "No episode of a training has ended.")];
  const key = runs.length > 1 ? [legend(runs)] : [];
  const grid = make("div", "charts large", ...drawn);
  const rows = Object.entries(differences).map(([option, values]) => [option, ...values]);
  const differ = rows.length ? [panel("They differ in", table(["option", ...runs], rows, runs.length + 1))] : [];
  return [panel(runs.length > 1 ? "" : "Curves", ...key, grid), ...differ];
}

function chart(kind: string, runs: string[], curves: Compared["curves"]): HTMLElement[] {
  const having = runs.filter((run) => curves[run]?.[kind]?.length);
  if (having.length === 0) return [];
  const series = having.map((run) => ({ key: run, label: "", hue: hue(runs.indexOf(run)) }));
  const found = new Chart({ title: kind, x: "tick", height: HEIGHT, ...TITLES[kind], series });
  found.set(new Map(having.map((run) => [run, curves[run]?.[kind] ?? []])));
  return [found.host];
}

function legend(runs: string[]): HTMLElement {
  const names = runs.map((run, index) => {
    const mark = make("i", `hue hue-${hue(index)}`);
    return make("span", "", mark, link(`#${place("runs", run)}`, run));
  });
  return make("p", "legend", ...names);
}

function hue(index: number): string {
  return HUES[index % HUES.length] ?? "a";
}
