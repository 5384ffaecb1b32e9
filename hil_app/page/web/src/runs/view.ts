/** The runs that there are, the curves of several in one picture, and all about one. */

import { make, percent } from "../dom";
import { get, place } from "../home/api";
import { button, link, moment, table } from "../home/elements";
import type { View } from "../home/view";
import { comparison } from "./curves";
import { one } from "./one";

const MOST = 6; // runs in one picture: there are as many colours

export interface Run {
  name: string;
  started: number;
  robot: string;
  task: string;
  ticks: number;
  updates: number;
  episodes: number;
  size: string;
  success: { rate: number; alone: boolean } | null;
  going_on: boolean;
  recorded: boolean;
}

export const runs: View = {
  name: "runs",
  title: "Runs",
  show(words) {
    const [name] = words;
    if (name === undefined) return all();
    return name === "compare" && words.length > 1 ? several(words.slice(1)) : one(name);
  },
};

async function all(): Promise<HTMLElement[]> {
  const found = await get<Run[]>("/runs");
  const chosen = new Set<string>();
  const compare = button("Compare curves", () => {
    location.hash = `#/runs/compare${place(...chosen)}`;
  });
  const choose = () => {
    compare.disabled = chosen.size < 1 || chosen.size > MOST;
    compare.textContent = chosen.size ? `Compare curves of ${chosen.size}` : "Compare curves";
  };
  choose();
  const title = make("h1", "", "Runs");
  if (found.length === 0) return [title, make("p", "none", "No runs yet: start a demo or a training.")];
  const rows = found.map((run) => [tick(run, chosen, choose), ...cells(run)]);
  const head = ["", "run", "task, robot", "ticks", "updates", "episodes", "success", "size"];
  const helped = found.some(({ success }) => success !== null && !success.alone);
  const star = helped ? [make("p", "none", "* of the last episodes, in which the operator could help")] : [];
  const list = table(head, rows, 3);
  list.classList.add("runs");
  return [title, make("div", "row", compare), list, ...star];
}

function tick(run: Run, chosen: Set<string>, changed: () => void): HTMLElement {
  const box = make("input");
  box.type = "checkbox";
  box.setAttribute("aria-label", `Compare ${run.name}`);
  box.onchange = () => {
    if (box.checked) chosen.add(run.name);
    else chosen.delete(run.name);
    changed();
  };
  return box;
}

function cells(run: Run): (Node | string)[] {
  const when = make("small", "", moment(run.started), run.going_on ? ", now" : "");
  const name = make("span", "twoline", link(`#${place("runs", run.name)}`, run.name), when);
  const what = make("span", "twoline", run.task, make("small", "", run.robot));
  return [name, what, ...[run.ticks, run.updates, run.episodes].map(String), success(run), run.size];
}

export function success(run: Run): string {
  if (run.success === null) return "–";
  return percent(run.success.rate) + (run.success.alone ? "" : "*");
}

async function several(names: string[]): Promise<HTMLElement[]> {
  const title = make("h1", "", link("#/runs", "Runs"), " compared");
  return [title, ...(await comparison(names))];
}
