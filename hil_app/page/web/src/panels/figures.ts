/** Figures that change all the time: joints, timing, learner, classifier. */

import { byId, count, make, percent, say } from "../dom";
import type { Run, State } from "../protocol";

const HOT_C = 60;
const HEAVY = 70; // % of the stall torque
const LATE_MS = 5;

interface JointRow {
  row: HTMLElement;
  value: HTMLElement;
  now: HTMLElement; // where it stands in its range
  target: HTMLElement;
  load: HTMLElement;
  heat: HTMLElement;
}

export class Figures {
  private readonly host = byId("figures");
  private joints: JointRow[] = [];
  private limits: [number, number][] = [];
  private units: string[] = [];
  private readonly cells = new Map<string, HTMLElement>();
  private readonly list = make("dl", "cells");
  private readonly heading = make("h2", "", "Figures");
  private readonly classifier = make("meter");
  private readonly probability = make("b");
  private readonly classified = make(
    "p",
    "classifier",
    make("span", "", "Success, says the classifier"),
    this.classifier,
    this.probability,
  );
  private delay = "";

  begin(run: Run): void {
    this.limits = run.limits;
    this.units = run.units;
    this.joints = run.joints.map(jointRow);
    this.cells.clear();
    this.list.replaceChildren();
    this.classifier.setAttribute("aria-label", "Probability of success");
    const table = make("div", "joints", ...this.joints.map(({ row }) => row));
    this.host.replaceChildren(this.heading, this.classified, table, this.list);
  }

  /** How long a message takes there and back [ms]. */
  showDelay(ms: number): void {
    this.delay = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  }

  show(state: State): void {
    this.joints.forEach((_, index) => this.showJoint(index, state));
    this.classified.hidden = state.classifier == null;
    if (state.classifier != null) {
      this.classifier.value = state.classifier;
      say(this.probability, percent(state.classifier));
    }
    this.showCells(state);
  }

  private showJoint(index: number, state: State): void {
    const [joint, limits] = [this.joints[index], this.limits[index]];
    const value = state.joints?.[index];
    if (joint === undefined || limits === undefined || value === undefined) return;
    const [low, high] = limits;
    const at = (one: number) => `${100 * Math.min(Math.max((one - low) / (high - low), 0), 1)}%`;
    say(joint.value, `${value.toFixed(1)} ${unit(this.units[index])}`);
    joint.now.style.left = at(value);
    joint.target.style.left = at(state.target?.[index] ?? value);
    const [load, heat] = [state.loads?.[index], state.temperatures?.[index]];
    say(joint.load, load === undefined ? "" : `${Math.round(load)} %`);
    joint.load.classList.toggle("warn", Math.abs(load ?? 0) > HEAVY);
    say(joint.heat, heat === undefined ? "" : `${Math.round(heat)} °C`);
    joint.heat.classList.toggle("warn", (heat ?? 0) >= HOT_C);
  }

  private showCells(state: State): void {
    const { lateness: late, learner } = state;
    if (late) {
      const words = [late.p50, late.p99, late.max].map((ms) => ms.toFixed(ms < 10 ? 2 : 0)).join(" / ");
      this.cell("late p50 / p99 / max", `${words} ms`, late.p99 > LATE_MS);
    }
    if (learner) {
      this.cell("updates", `${count(learner.updates)} (${count(learner.updates_per_second)}/s)`);
      this.cell("weights", `version ${learner.version}`);
      this.cell("buffer online / offline", `${count(learner.online)} / ${count(learner.offline)}`);
    }
    if (this.delay) this.cell("there and back", this.delay);
    const { viewers } = state.controls;
    this.cell("looking", `${viewers} browser${viewers === 1 ? "" : "s"}`);
  }

  private cell(name: string, value: string, warn = false): void {
    let shown = this.cells.get(name);
    if (shown === undefined) {
      shown = make("dd");
      this.cells.set(name, shown);
      this.list.append(make("div", "", make("dt", "", name), shown));
    }
    say(shown, value);
    shown.classList.toggle("warn", warn);
  }
}

function jointRow(name: string): JointRow {
  const [value, load, heat] = [make("span", "value"), make("span", "load"), make("span", "heat")];
  const [now, target] = [make("i", "now"), make("i", "target")];
  const range = make("span", "range", target, now);
  const row = make("div", "joint", make("span", "name", name.replaceAll("_", " ")), range, value, load, heat);
  return { row, value, now, target, load, heat };
}

function unit(name: string | undefined): string {
  return name === "deg" ? "°" : (name ?? "");
}
