/** The runs that there are. */

import { make } from "../dom";
import { get } from "../home/api";
import type { View } from "../home/view";

interface Run {
  name: string;
  task: string;
}

export const runs: View = {
  name: "runs",
  title: "Runs",
  async show() {
    const found = await get<Run[]>("/runs");
    const rows = found.map(({ name, task }) => make("li", "", `${name} ${task}`));
    return [make("h1", "", "Runs"), make("ul", "", ...rows)];
  },
};
