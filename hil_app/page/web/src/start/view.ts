/** Start a run, or set an arm up: forms of commands, and what was started. */

import { make } from "../dom";
import { get } from "../home/api";
import { link } from "../home/elements";
import { StartedPanel } from "../home/started";
import type { View } from "../home/view";
import { type Form, FormPanel } from "./form";

interface Forms {
  run: Form[];
  setup: Form[];
  presets: string[];
  runs: string[];
}

/** The forms of a kind; the address has the form's name, and the run or preset that it is about. */
function forms(name: string, title: string, kind: "run" | "setup"): View {
  return {
    name,
    title,
    async show([chosen, base], signal) {
      const found = await get<Forms>("/forms");
      const known = found[kind];
      const form = known.find((one) => one.name === chosen) ?? known[0];
      if (form === undefined) return [];
      const tabs = known.map((one) => {
        const tab = link(`#/${name}/${one.name}`, one.title);
        if (one === form) tab.setAttribute("aria-current", "page");
        return tab;
      });
      const started = new StartedPanel(signal);
      const bases = { preset: found.presets, run: found.runs, fixed: [] }[form.base];
      const about = async () => {
        await started.refresh();
        started.host.scrollIntoView({ block: "nearest", behavior: "smooth" });
      };
      const nobody = form.base === "run" && bases.length === 0;
      const filled = nobody
        ? make("p", "none", "No run has learned yet: start a demo or a training.")
        : new FormPanel(form, bases, base, about).host;
      const nav = make("nav", "tabs", ...tabs);
      nav.setAttribute("aria-label", title);
      return [make("h1", "", title), nav, make("div", "two", filled, started.host)];
    },
  };
}

export const start = forms("start", "Start", "run");
export const setup = forms("setup", "Set up", "setup");
