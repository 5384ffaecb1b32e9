/** All about one run. */

import { make } from "../dom";
import { get, place, remove } from "../home/api";
import { button, confirm, copyable, link, panel } from "../home/elements";
import { comparison } from "./curves";
import type { Run } from "./view";

interface Whole extends Run {
  facts: [string, string][];
  files: [string, string][];
  links: Record<string, string>;
  videos: [string, string][];
  commands: string[];
  dataset: string | null;
  learned: boolean;
  events: Happened[];
}

type Happened = { event: string; time: number } & Record<string, unknown>;

export async function one(name: string): Promise<HTMLElement[]> {
  const run = await get<Whole>(place("runs", name));
  const title = make("h1", "", link("#/runs", "Runs"), ` / ${run.name}`);
  const left = make("div", "stack", summary(run), ...videos(run), files(run));
  const right = make("div", "stack", ...(await comparison([name])), ...events(run));
  return [title, deeds(run), make("div", "two", left, right)];
}

function deeds(run: Whole): HTMLElement {
  const found: HTMLElement[] = [];
  if (run.learned) found.push(link(`#${place("start", "eval", run.name)}`, "Evaluate", "button"));
  if (run.learned && !run.going_on) {
    found.push(link(`#${place("start", "resume", run.name)}`, "Go on training", "button"));
  }
  if (run.dataset !== null) found.push(link(`#/datasets/${run.dataset}`, "Dataset", "button"));
  const held = run.recorded ? " It holds recorded episodes." : "";
  const question = `Remove ${run.name} for good, ${run.size}?${held}`;
  const leave = async () => {
    await remove(place("runs", run.name));
    location.hash = "#/runs";
  };
  const away = button("Delete", () => confirm(question, "Delete for good", leave), "danger");
  return make("div", "row", ...found, away);
}

function summary(run: Whole): HTMLElement {
  const rows = run.facts.map(([name, text]) => make("div", "", make("dt", "", name), make("dd", "", text)));
  return panel("What it came to", make("dl", "pairs", ...rows), ...run.commands.map(copyable));
}

function videos(run: Whole): HTMLElement[] {
  return run.videos.map(([name, source]) => {
    const video = make("video");
    [video.controls, video.loop, video.preload, video.src] = [true, true, "metadata", source];
    video.setAttribute("aria-label", name);
    return panel(name === "evaluation" ? "Evaluation" : `Evaluation ${name}`, video);
  });
}

function files(run: Whole): HTMLElement {
  const rows = run.files.map(([name, size]) => {
    const source = run.links[name];
    const shown = source === undefined ? name : link(source, name);
    if (shown instanceof HTMLAnchorElement) shown.target = "_blank";
    return make("div", "", make("dt", "", shown), make("dd", "", size));
  });
  return panel(`Files, ${run.size}`, make("dl", "pairs", ...rows));
}

function events(run: Whole): HTMLElement[] {
  if (run.events.length === 0) return [];
  const rows = run.events.map(({ event, time, ...rest }) => {
    const when = new Date(time * 1000).toLocaleTimeString([], { hour12: false });
    const facts = Object.entries(rest).filter(([, value]) => value !== null);
    const text = facts.map(([key, value]) => `${key.replaceAll("_", " ")} ${said(value)}`).join(", ");
    return make("li", "", make("time", "", when), make("span", "", make("b", "", event.replaceAll("_", " ")), ` ${text}`));
  });
  const list = make("ol", "happened", ...rows);
  list.tabIndex = 0;
  return [panel("What happened", list)];
}

function said(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
