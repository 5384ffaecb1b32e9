/** The page without a run: one view at a time, by what the address has behind its #. */

import "uplot/dist/uPlot.min.css";
import "./home.css";
import { datasets } from "../datasets/view";
import { byId, make, say } from "../dom";
import { runs } from "../runs/view";
import { setup, start } from "../start/view";
import { Refusal } from "./api";
import { again } from "./elements";
import { underWay } from "./started";
import type { View } from "./view";

/** By the first word of the address: #/runs/first shows the view "runs" at ["first"]. */
const VIEWS: Record<string, View> = { start, runs, datasets, setup };

const LOOK_MS = 3000; // for what is under way
let leave = new AbortController();

async function show(): Promise<void> {
  const [name = "", ...place] = words();
  const view = VIEWS[name] ?? start;
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  for (const link of byId("nav").children) {
    if (link.getAttribute("href") === `#/${view.name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} · hil-app`;
  const host = byId("view");
  host.replaceChildren(make("p", "none", "…"));
  try {
    const shown = await view.show(place, signal);
    if (!signal.aborted) host.replaceChildren(...shown);
    banner("");
  } catch (error) {
    if (!signal.aborted) host.replaceChildren();
    banner(said(error));
  }
}

function words(): string[] {
  return location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
}

function said(error: unknown): string {
  if (!(error instanceof Refusal)) console.error(error);
  return error instanceof Error ? error.message : String(error);
}

/** Say what cannot be, or nothing. */
function banner(text: string): void {
  say(byId("banner"), text);
  byId("banner").hidden = text === "";
}

for (const view of Object.values(VIEWS)) {
  const link = make("a", "", view.title);
  link.href = `#/${view.name}`;
  byId("nav").append(link);
}
addEventListener("hashchange", () => void show());
addEventListener("unhandledrejection", (event) => banner(said(event.reason)));
void show();
const always = new AbortController().signal;
void again(() => LOOK_MS, always, async () => {
  byId("now").replaceChildren(...(await underWay().catch(() => [])));
});
