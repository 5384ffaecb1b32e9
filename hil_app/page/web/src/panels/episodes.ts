/** The episodes that are over, the newest first, and what has happened. */

import { byId, figure, make, percent } from "../dom";
import type { Episode, Happened } from "../protocol";

const ROWS = 300;
const RECENT = 20;
const EVENTS = 60;

export class EpisodeList {
  private readonly rows = byId("episode-rows");
  private readonly recent = byId("recent");
  private outcomes: Outcome[] = [];

  begin(): void {
    this.rows.replaceChildren();
    this.outcomes = [];
    this.showRecent();
  }

  add(episodes: Episode[]): void {
    for (const episode of episodes) {
      this.rows.prepend(row(episode));
      if (!episode.rerecord) this.outcomes.push(outcome(episode));
    }
    while (this.rows.childElementCount > ROWS) this.rows.lastElementChild?.remove();
    this.outcomes = this.outcomes.slice(-RECENT);
    byId("no-episodes").hidden = this.rows.childElementCount > 0;
    this.showRecent();
  }

  private showRecent(): void {
    const good = this.outcomes.filter(({ name }) => name === "success").length;
    const marks = this.outcomes.map(({ name }) => make("i", `dot ${name}`));
    const words = this.outcomes.length ? `${good} of the last ${this.outcomes.length}` : "";
    this.recent.replaceChildren(...marks, make("span", "", words));
    byId("no-episodes").hidden = this.rows.childElementCount > 0;
  }
}

interface Outcome {
  name: "success" | "failure" | "rerecord";
  sign: string;
}

function outcome(episode: Episode): Outcome {
  if (episode.rerecord) return { name: "rerecord", sign: "↺ again" };
  return episode.success ? { name: "success", sign: "✓ success" } : { name: "failure", sign: "✕ failure" };
}

function row(episode: Episode): HTMLElement {
  const { name, sign } = outcome(episode);
  const share = episode.ticks ? episode.intervention_ticks / episode.ticks : 0;
  const bar = make("span", "share", make("i"));
  (bar.firstElementChild as HTMLElement).style.width = `${100 * share}%`;
  const line = make(
    "tr",
    "",
    make("td", "", String(episode.number)),
    make("td", `outcome ${name}`, sign),
    make("td", "", String(episode.ticks)),
    make("td", "hands", bar, percent(share)),
    make("td", "", figure(episode.reward)),
  );
  line.title = episode.stage;
  return line;
}

export class EventList {
  private readonly rows = byId("event-rows");

  begin(): void {
    this.rows.replaceChildren();
  }

  add(event: Happened): void {
    if (!event.message) return;
    const time = make("time", "", new Date().toLocaleTimeString([], { hour12: false }));
    const words = make("span", "", make("b", "", event.name.replaceAll("_", " ")), ` ${event.message}`);
    this.rows.prepend(make("li", event.problem ? "problem" : "", time, words));
    while (this.rows.childElementCount > EVENTS) this.rows.lastElementChild?.remove();
  }
}
