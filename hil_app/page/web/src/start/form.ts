/** A form of a command: what there is to choose, what is wrong with it, and the command that it is. */

import { make, say } from "../dom";
import { post } from "../home/api";
import { button, copyable } from "../home/elements";

const SETTLE_MS = 300; // after the last key

interface Flag {
  about: string;
  takes: "file" | "words" | null;
  usual: string;
}

export interface Form {
  name: string;
  title: string;
  about: string;
  base: "preset" | "run" | "fixed";
  preset: string;
  flags: Record<string, Flag>;
}

interface Field {
  name: string;
  about: string;
  usual: string;
  choices: string[];
}

interface Filled {
  fields: Field[];
  faults: Record<string, string>;
  command: string;
}

export class FormPanel {
  readonly host = make("form", "panel start");
  private readonly grid = make("div", "fields");
  private readonly flags = make("div", "fields");
  private readonly general = make("p", "fault");
  private readonly command = make("div");
  private readonly base = make("select");
  private readonly begin: HTMLButtonElement;
  private options: Record<string, string> = {};
  private flagged: Record<string, string> = {};
  private timer = 0;
  private shown = "";
  private asked = 0; // how often: an answer that comes late is of no use

  constructor(
    private readonly form: Form,
    bases: string[],
    base: string | undefined,
    started: () => Promise<void>,
  ) {
    this.begin = button("Start", () => this.start(started), "main");
    this.base.append(...bases.map((name) => new Option(name, name)));
    const wanted = base ?? (form.base === "preset" ? form.preset : bases[0]);
    if (wanted !== undefined) this.base.value = wanted;
    this.base.onchange = () => void this.refresh();
    this.host.onsubmit = (event) => event.preventDefault();
    const on = form.base === "preset" ? "On top of" : "Run";
    const top = form.base === "fixed" ? [] : [labelled(on, "", this.base)];
    this.general.setAttribute("role", "alert");
    this.host.append(make("p", "about", form.about), ...top, this.grid, this.flags, this.general, this.command, this.begin);
    for (const [name, flag] of Object.entries(form.flags)) this.flags.append(this.flag(name, flag));
    this.flags.hidden = this.flags.childElementCount === 0;
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    const { form, base, options, flagged } = this;
    const body = { form: form.name, base: base.value, options, flags: flagged };
    const turn = ++this.asked;
    let filled: Filled;
    try {
      filled = await post<Filled>("/forms", body);
    } catch (error) {
      this.begin.disabled = true;
      this.general.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    if (turn !== this.asked) return;
    this.showFields(filled.fields);
    this.showFaults(filled);
    this.command.replaceChildren(copyable(filled.command));
  }

  /** Make the fields anew only where they are others: one that is written in stays. */
  private showFields(fields: Field[]): void {
    const names = JSON.stringify(fields);
    if (names === this.shown) return;
    this.shown = names;
    const there = new Set(fields.map(({ name }) => name));
    const before = document.activeElement?.getAttribute("name");
    for (const name of Object.keys(this.options)) if (!there.has(name)) delete this.options[name];
    this.grid.replaceChildren(...fields.map((field) => this.field(field)));
    if (before) this.grid.querySelector<HTMLElement>(`[name="${CSS.escape(before)}"]`)?.focus();
  }

  private field({ name, about, usual, choices }: Field): HTMLElement {
    const given = this.options[name] ?? "";
    const control = choices.length ? chooser(choices, usual, given) : writer(usual, given);
    control.name = name;
    control.oninput = () => {
      if (control.value) this.options[name] = control.value;
      else delete this.options[name];
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.refresh(), choices.length ? 0 : SETTLE_MS);
    };
    return labelled(name, about, control);
  }

  private flag(name: string, { about, takes, usual }: Flag): HTMLElement {
    const control = writer(usual, "");
    if (takes === null) control.type = "checkbox";
    control.name = name;
    control.oninput = () => {
      const value = control.type === "checkbox" ? (control.checked ? "yes" : "") : control.value;
      if (value) this.flagged[name] = value;
      else delete this.flagged[name];
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.refresh(), SETTLE_MS);
    };
    return labelled(name, about, control);
  }

  private showFaults({ faults }: Filled): void {
    const left = { ...faults };
    for (const label of this.host.querySelectorAll<HTMLElement>("label.field")) {
      const control = label.querySelector<HTMLInputElement>("[name]");
      const name = control?.name ?? "";
      const fault = faults[name];
      delete left[name];
      label.toggleAttribute("data-fault", fault !== undefined);
      control?.setAttribute("aria-invalid", String(fault !== undefined));
      const said = label.querySelector(".fault");
      if (said !== null) say(said, fault ?? "");
    }
    say(this.general, Object.values(left).join("; "));
    this.begin.disabled = Object.keys(faults).length > 0;
  }

  private async start(started: () => Promise<void>): Promise<void> {
    const { form, base, options, flagged } = this;
    await post("/started", { form: form.name, base: base.value, options, flags: flagged });
    await started();
  }
}

function labelled(name: string, about: string, control: HTMLElement): HTMLElement {
  const words = make("span", "name", name);
  const label = make("label", "field", words, control, make("small", "", about));
  label.append(make("small", "fault"));
  return label;
}

function chooser(choices: string[], usual: string, given: string): HTMLSelectElement {
  const select = make("select");
  select.append(new Option(`${usual} (default)`, ""), ...choices.map((one) => new Option(one, one)));
  select.value = given;
  return select;
}

function writer(usual: string, given: string): HTMLInputElement {
  const input = make("input");
  input.placeholder = usual;
  input.value = given;
  input.autocomplete = "off";
  input.spellcheck = false;
  return input;
}
