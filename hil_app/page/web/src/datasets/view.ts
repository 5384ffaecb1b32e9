/** The datasets that there are. */

import { make } from "../dom";
import { get } from "../home/api";
import type { View } from "../home/view";

interface Dataset {
  name: string;
  folder: string;
}

export const datasets: View = {
  name: "datasets",
  title: "Datasets",
  async show() {
    const found = await get<Dataset[]>("/datasets");
    const rows = found.map(({ name }) => {
      const link = make("a", "", name);
      link.href = `#/datasets/${name}`;
      return make("li", "", link);
    });
    return [make("h1", "", "Datasets"), make("ul", "", ...rows)];
  },
};
