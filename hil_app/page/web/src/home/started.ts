/** What was started from this page: how it goes, what it says and asks, and its end. */

import { clock, make, say } from "../dom";
import { get, post } from "./api";
import { again, button, copyable, link } from "./elements";

const EVERY_MS = 1000;
const GUIDED_MS = 200; // while it asks something
const KEPT = 500; // things that it has said
const ENTER = "Enter ⏎";
const TO_COPY = /^ {2}(--|hil-app )/; // options, and commands

type Cell = [text: string, style: string];
interface Table {
  title: string;
  head: string[];
  right: boolean[];
  rows: Cell[][];
}
interface Finding {
  topic: string;
  mark: "ok" | "note" | "problem";
  fact: string;
  remedy: string;
}
interface Said {
  line?: string;
  say?: string;
  problem?: string;
  ask?: string;
  answer?: string;
  table?: Table;
  finding?: Finding;
  head?: string;
  images?: [what: string, link: string][];
}
interface Question {
  number: number;
  text: string;
  choices: string[]; // "" is Enter alone; without any, words are asked for
}
interface Started {
  command: string;
  name: string;
  began: number;
  going_on: boolean;
  status: number | null;
  link: string | null;
  said: Said[];
  count: number;
  look: { table?: Table; say?: string; busy?: string } | null;
  question: Question | null;
}

/** A link to what is under way, in the bar above all subjects. */
export async function underWay(): Promise<HTMLElement[]> {
  const state = await get<Started | null>(`/started?seen=${Number.MAX_SAFE_INTEGER}`);
  if (!state?.going_on) return [];
  return [link(state.link === null ? "#/setup" : "#/start", `${state.name} is under way`, "pill")];
}

export class StartedPanel {
  readonly host = make("section", "panel started");
  private readonly head = make("div", "state");
  private readonly line = make("div");
  private readonly log = make("div", "log");
  private readonly asks = make("div", "asks");
  private readonly look = make("div", "look");
  private began = 0;
  private seen = 0;
  private asked = 0;
  private topic = "";
  private drawn = "";
  private guided = false;

  constructor(private readonly signal: AbortSignal) {
    this.host.hidden = true;
    this.host.setAttribute("aria-label", "What was started");
    this.log.tabIndex = 0;
    this.log.setAttribute("role", "log");
    this.host.append(this.head, this.line, this.log, this.look, this.asks);
    const every = () => (this.guided ? GUIDED_MS : EVERY_MS);
    void again(every, signal, () => this.refresh().catch(() => undefined));
    addEventListener("keydown", (event) => this.enter(event), { signal });
  }

  /** Look at once. */
  async refresh(): Promise<void> {
    const { seen } = this;
    const state = await get<Started | null>(`/started?seen=${seen}`);
    if (this.signal.aborted || seen !== this.seen) return; // another look was faster
    this.host.hidden = state === null;
    if (state === null) return;
    if (state.began !== this.began) {
      const first = this.seen > 0;
      this.begin(state);
      if (first) return this.refresh(); // it was asked for what comes after another's words
    }
    this.show(state);
  }

  private begin(state: Started): void {
    this.began = state.began;
    [this.seen, this.asked, this.topic, this.drawn] = [0, 0, "", ""];
    this.line.replaceChildren(copyable(state.command));
    this.log.replaceChildren();
    this.asks.replaceChildren();
    this.look.replaceChildren();
  }

  private show(state: Started): void {
    this.seen = state.count;
    this.guided = state.going_on && (this.guided || state.question !== null);
    this.showHead(state);
    const low = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    for (const said of state.said) this.log.append(...this.elements(said));
    while (this.log.childElementCount > KEPT) this.log.firstElementChild?.remove();
    if (low) this.log.scrollTop = this.log.scrollHeight;
    this.look.replaceChildren(...(state.look?.table ? [drawnTable(state.look.table)] : []));
    if (state.look?.say) this.look.append(make("p", "problem", state.look.say));
    if (state.look?.busy) this.look.append(make("p", "busy", state.look.busy));
    this.ask(state.question);
  }

  private showHead(state: Started): void {
    const key = JSON.stringify([state.going_on, state.status, state.link]);
    const since = clock(Date.now() / 1000 - state.began);
    if (key !== this.drawn) {
      this.drawn = key;
      this.host.dataset.end = state.going_on ? "" : ending(state.status);
      this.host.toggleAttribute("data-watched", state.going_on || this.host.hasAttribute("data-watched"));
      const title = make("h2", "", state.going_on ? `${state.name} is under way` : `${state.name} ${words(state.status)}`);
      const parts: HTMLElement[] = [title];
      if (state.going_on) {
        parts.push(make("span", "since"));
        if (state.link !== null) parts.push(pageLink(state.link));
        parts.push(button("Stop", () => post("/started/stop")));
      }
      this.head.replaceChildren(...parts);
    }
    const shown = this.head.querySelector(".since");
    if (shown !== null) say(shown, since);
  }

  private elements(said: Said): HTMLElement[] {
    if (said.finding) return this.finding(said.finding);
    if (said.table) return [drawnTable(said.table)];
    if (said.problem !== undefined) return [make("p", "problem", said.problem)];
    if (said.ask !== undefined) return [make("p", "question", said.ask, make("span", "answer", said.answer ?? ""))];
    if (said.head !== undefined) return [make("h3", "", said.head)];
    if (said.images) return [make("div", "images", ...said.images.map(figure))];
    if (said.line !== undefined) return [TO_COPY.test(said.line) ? copyable(said.line.trim()) : make("pre", "", said.line)];
    return said.say ? [make("p", "", said.say)] : [];
  }

  private finding({ topic, mark, fact, remedy }: Finding): HTMLElement[] {
    const sign = { ok: "✓", note: "•", problem: "✗" }[mark];
    const remedies = remedy ? [make("em", "", remedy)] : [];
    const line = make("p", `finding ${mark}`, make("b", "", sign), make("span", "", fact, ...remedies));
    const heading = topic === this.topic ? [] : [make("h3", "", topic)];
    this.topic = topic;
    return [...heading, line];
  }

  /** Show what it asks, with a button for each answer, or a field. */
  private ask(question: Question | null): void {
    const number = question?.number ?? 0;
    if (number === this.asked) return;
    this.asked = number;
    if (question === null) return this.asks.replaceChildren();
    const buttons = question.choices.map((text, index) =>
      button(text || ENTER, () => this.answer(number, text), index === 0 ? "main" : ""),
    );
    const row = buttons.length ? make("div", "row", ...buttons) : this.field(question);
    this.asks.replaceChildren(make("p", "", question.text), row);
    this.asks.querySelector<HTMLElement>("button, input")?.focus({ preventScroll: false });
  }

  private field({ number, text }: Question): HTMLElement {
    const input = make("input");
    input.maxLength = 200;
    input.autocomplete = "off";
    input.spellcheck = false;
    input.setAttribute("aria-label", text);
    const give = () => this.answer(number, input.value.trim());
    const form = make("form", "row", input, button(ENTER, give, "main"));
    form.onsubmit = (event) => {
      event.preventDefault();
      void give();
    };
    return form;
  }

  private async answer(number: number, text: string): Promise<void> {
    await post("/started/answer", { number, text });
    await this.refresh();
  }

  /** The Enter key answers, wherever the focus is, but for what it presses there. */
  private enter(event: KeyboardEvent): void {
    const first = this.asks.querySelector("button");
    const busy = (event.target as HTMLElement).closest("button, a, input, select, dialog, textarea");
    if (event.key !== "Enter" || first === null || busy !== null || event.repeat) return;
    event.preventDefault();
    first.click();
  }
}

function ending(status: number | null): string {
  return status === 0 ? "good" : "bad";
}

function words(status: number | null): string {
  if (status === 0) return "has ended";
  if (status === 130 || status === -2) return "was stopped";
  return `ended with status ${status}`;
}

/** Its own page, by the name under which this one is known here. */
function pageLink(printed: string): HTMLAnchorElement {
  const address = new URL(printed);
  address.hostname = location.hostname;
  const found = link(address.href, "Open its page", "button main");
  found.target = "_blank";
  return found;
}

function figure([what, href]: [what: string, link: string]): HTMLElement {
  const image = make("img");
  image.src = href;
  image.alt = what;
  return make("figure", "", image, make("figcaption", "", what));
}

function drawnTable({ title, head, right, rows }: Table): HTMLElement {
  const cell = (kind: "th" | "td", [text, style]: Cell, index: number) =>
    make(kind, `${right[index] ? "" : "words "}${style}`, text);
  const top = make("tr", "", ...head.map((text, index) => cell("th", [text, ""], index)));
  const body = rows.map((row) => make("tr", "", ...row.map((one, index) => cell("td", one, index))));
  const caption = title ? [make("caption", "", title)] : [];
  const element = make("table", "", ...caption, make("thead", "", top), make("tbody", "", ...body));
  return make("div", "wide", element);
}
