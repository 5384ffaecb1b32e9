/** Who has the controls, the buttons that tell the run something, and the devices drawn live. */

import type { Connection } from "../connection";
import { byId, make, say } from "../dom";
import type { InputSender } from "../input/sender";
import type { Deed, Hello, State } from "../protocol";
import { KeysView, PadView } from "./devices";

const WANTED = "hil-app-controls"; // this tab asks for them again after a reload
const DEEDS: [Deed, string, string][] = [
  ["success", "Success", "✓"],
  ["failure", "Failure", "✕"],
  ["rerecord", "Record again", "↺"],
  ["pause", "Pause", "❚❚"],
  ["ready", "Next episode", "▶"],
  ["stop", "Stop the run", "■"],
];
const TABS = ["Gamepad", "Keyboard", "Touch"] as const;
const LOOK_MS = 33;

type Tab = (typeof TABS)[number];

export class Steer {
  private readonly button = byId<HTMLButtonElement>("controls");
  private readonly buttons = new Map<Deed, HTMLButtonElement>();
  private readonly tabs = new Map<Tab, HTMLButtonElement>();
  private readonly pad = new PadView();
  private readonly keys = new KeysView();
  private hello: Hello | null = null;
  private yours = false;
  private stopping = 0; // until when a second press of "stop the run" counts

  constructor(
    private readonly connection: Connection,
    private readonly input: InputSender,
    private readonly next: () => number,
  ) {
    this.button.addEventListener("click", () => this.ask(!this.yours));
    for (const [deed, words, sign] of DEEDS) this.addPress(deed, words, sign);
    for (const tab of TABS) this.addTab(tab);
    this.choose(matchMedia("(pointer: coarse)").matches ? "Touch" : "Keyboard");
    addEventListener("gamepadconnected", () => this.choose("Gamepad"));
    setInterval(() => this.draw(), LOOK_MS);
  }

  begin(hello: Hello): void {
    this.hello = hello;
    this.pad.label(hello.mapping);
    this.keys.label(hello.keys);
    this.input.touch.label(hello.mapping);
    byId("steer").dataset.teleop = hello.run.teleop ?? "none";
    if (sessionStorage.getItem(WANTED)) this.connection.send({ type: "controls", want: true });
  }

  show(state: State): void {
    const { controls } = state;
    this.yours = controls.yours;
    this.input.own(controls.yours);
    byId("steer").toggleAttribute("data-yours", this.yours);
    say(byId("holder-words"), this.words(state));
    say(this.button, this.yours ? "Give the controls back" : "Take the controls");
    this.button.hidden = false;
    for (const [deed, button] of this.buttons) {
      button.disabled = !this.yours;
      if (deed === "ready") button.hidden = state.who !== "READY" && state.who !== "RESET";
      if (deed === "pause") this.relabel(button, state.who === "PAUSED" ? "Go on" : "Pause");
    }
  }

  /** The line is lost: nobody can say who has the controls. */
  lost(): void {
    this.yours = false;
    this.input.own(false);
    byId("steer").removeAttribute("data-yours");
    say(byId("holder-words"), "No line to the run");
    this.button.hidden = true;
    for (const button of this.buttons.values()) button.disabled = true;
  }

  /** Whether the arm is driven from here; the buttons count in any run. */
  private get drivable(): boolean {
    return this.hello?.run.teleop === "page";
  }

  private words({ controls }: State): string {
    if (this.yours) return this.drivable ? "You have the controls" : "You have the buttons";
    return controls.holder === null ? "Nobody has the controls" : "Somebody else has the controls";
  }

  private ask(want: boolean): void {
    if (want) sessionStorage.setItem(WANTED, "1");
    else sessionStorage.removeItem(WANTED);
    this.connection.send({ type: "controls", want });
  }

  private addPress(deed: Deed, words: string, sign: string): void {
    const button = make("button", `deed ${deed}`, make("i", "", sign), make("span", "", words));
    button.type = "button";
    button.addEventListener("click", () => this.press(deed, button));
    this.buttons.set(deed, button);
    byId("presses").append(button);
  }

  private press(deed: Deed, button: HTMLButtonElement): void {
    if (deed === "stop" && performance.now() > this.stopping) {
      this.stopping = performance.now() + 3000; // the end of a run is asked for twice
      this.relabel(button, "Press again to stop");
      setTimeout(() => this.relabel(button, "Stop the run"), 3000);
      return;
    }
    this.connection.send({ type: "press", what: deed, id: this.next() });
    button.classList.add("sent");
    setTimeout(() => button.classList.remove("sent"), 400);
  }

  private relabel(button: HTMLButtonElement, words: string): void {
    if (button.lastElementChild !== null) say(button.lastElementChild, words);
  }

  private addTab(tab: Tab): void {
    const button = make("button", "tab", tab);
    button.type = "button";
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", "devices");
    button.addEventListener("click", () => this.choose(tab));
    this.tabs.set(tab, button);
    document.querySelector(".tabs")?.append(button);
  }

  private choose(tab: Tab): void {
    for (const [name, button] of this.tabs) button.setAttribute("aria-selected", String(name === tab));
    const shown = { Gamepad: this.pad.host, Keyboard: this.keys.host, Touch: this.input.touch.host };
    byId("devices").replaceChildren(shown[tab]);
    byId("steer").dataset.tab = tab;
  }

  private draw(): void {
    if (document.hidden) return;
    this.pad.show(this.input.pads);
    this.keys.show(this.input.keyboard.held);
  }
}
