/** The datasets that there are, and one of them. */

import { clock, make } from "../dom";
import { get } from "../home/api";
import { link, moment, table } from "../home/elements";
import type { View } from "../home/view";
import type { Listed } from "./model";
import { whole } from "./whole";

export const datasets: View = {
  name: "datasets",
  title: "Datasets",
  async show(words, signal) {
    const [kind, name, episode] = words;
    if (kind === undefined || name === undefined) return all();
    return [await whole([kind, name], Number(episode) || 0, signal)];
  },
};

async function all(): Promise<HTMLElement[]> {
  const found = await get<Listed[]>("/datasets");
  const title = make("h1", "", "Datasets");
  if (found.length === 0) return [title, make("p", "none", "No datasets yet: record some, or start a training.")];
  const head = ["dataset", "robot, cameras", "episodes", "frames", "length", "size"];
  const list = table(head, found.map(cells), 2);
  list.classList.add("sets");
  return [title, list];
}

function cells(one: Listed): (Node | string)[] {
  const address = `#/datasets/${one.name.split("/").map(encodeURIComponent).join("/")}`;
  const when = make("small", "", moment(one.changed));
  if (one.fault !== undefined) {
    return [make("span", "twoline", one.name, when), make("span", "fault warn", one.fault), "–", "–", "–", "–"];
  }
  const name = make("span", "twoline", link(address, one.name), when);
  const what = make("span", "twoline", one.robot, make("small", "", one.cameras.join(", ") || "no cameras"));
  return [name, what, String(one.episodes), String(one.frames), clock(one.seconds), one.size];
}
