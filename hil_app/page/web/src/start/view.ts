/** Start something: a demo, a training, … */

import { make } from "../dom";
import type { View } from "../home/view";

export const start: View = {
  name: "start",
  title: "Start",
  async show() {
    return [make("h1", "", "Start")];
  },
};
