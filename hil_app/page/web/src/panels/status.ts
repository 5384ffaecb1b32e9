/** The band at the top: who has the arm, in its colour, and how far the stage is. */

import type { Line } from "../connection";
import { byId, clock, make, say } from "../dom";
import type { Run, State } from "../protocol";

const MEANS: Record<string, string> = {
  POLICY: "The policy has the arm",
  YOU: "You have the arm",
  OPERATOR: "A person has the arm",
  RESET: "Put everything back for the next episode",
  READY: "The next episode begins when you say so",
  HOLDING: "The arm holds: take over to move it",
  PAUSED: "Take over or press pause to go on",
  STOPPED: "Emergency stop: the arm stands still",
  ENDED: "The run has ended",
  LOST: "The device is lost: the arm holds",
};
const LINES: Record<Line, [string, string]> = {
  open: ["", ""],
  connecting: ["…", "Connecting to the run"],
  lost: ["NO LINE", "The run is out of reach: trying again"],
  refused: ["LOCKED", "This link is not, or no longer, valid: open the one the run prints"],
};

export class Status {
  private readonly who = byId("who");
  private readonly means = byId("means");
  private readonly progress = byId<HTMLProgressElement>("progress");
  private readonly facts = new Map<string, HTMLElement>();
  private line: Line = "connecting";
  private last = ""; // who had the arm

  showLine(line: Line): void {
    this.line = line;
    const ended = line === "lost" && this.last === "ENDED";
    document.body.dataset.line = ended ? "ended" : line;
    if (line === "open" || ended) return;
    document.body.dataset.mood = "off";
    this.head(...LINES[line]);
  }

  show(state: State, run: Run): void {
    if (this.line !== "open") return;
    document.body.dataset.mood = state.mood;
    document.body.toggleAttribute("data-help", state.help ?? false);
    const who = (this.last = holder(state, run));
    this.head(who, MEANS[who] ?? "");
    this.showStage(state, run);
  }

  private head(who: string, means: string): void {
    say(this.who, who);
    say(this.means, means);
    const help = document.body.hasAttribute("data-help") ? "! " : "";
    document.title = `${help}${who} · hil-app`;
  }

  private showStage(state: State, run: Run): void {
    const { stage } = state;
    say(byId("title"), [stage.title, run.task].filter(Boolean).join(" · "));
    this.progress.hidden = stage.goal == null;
    if (stage.goal != null) this.progress.value = stage.goal ? stage.done / stage.goal : 0;
    const of = stage.goal == null ? "" : ` of ${stage.goal}`;
    const left = stage.left == null ? "" : `, ${clock(stage.left)} left`;
    this.fact("frames", stage.unit === "frames" ? `${stage.done}${of}` : "");
    this.fact("ticks", stage.unit === "ticks" ? `${stage.done}${of}` : "");
    this.fact("episodes", stage.unit === "episodes" ? `${stage.done}${of}` : "");
    this.fact("episode", stage.episode == null ? "" : `${stage.episode}, tick ${stage.episode_ticks ?? 0}`);
    this.fact("time", stage.seconds == null ? "" : `${clock(stage.seconds)}${left}`);
    this.fact("reset", stage.reset_left == null ? "" : `${Math.ceil(stage.reset_left)} s left`);
  }

  private fact(name: string, value: string): void {
    let shown = this.facts.get(name);
    if (shown === undefined) {
      shown = make("dd");
      byId("facts").append(make("div", "", make("dt", "", name), shown));
      this.facts.set(name, shown);
    }
    say(shown, value);
    if (shown.parentElement !== null) shown.parentElement.hidden = value === "";
  }
}

/** Who has the arm, as it is for whoever sits here. */
function holder(state: State, run: Run): string {
  const elsewhere = run.teleop === "page" && !state.controls.yours;
  return state.who === "YOU" && elsewhere ? "OPERATOR" : state.who;
}
