/** The bar with the edits that are not saved yet, and how they are. */

import { make, say } from "../dom";
import { place, post, Refusal } from "../home/api";
import { button } from "../home/elements";
import type { Dataset, Draft } from "./model";

export class Pending {
  readonly host: HTMLElement;
  private readonly text = make("b");
  private readonly state = make("span", "none");
  private readonly save: HTMLButtonElement;

  constructor(
    private readonly words: [string, string],
    private readonly dataset: Dataset,
    private readonly draft: Draft,
    private readonly again: () => Promise<void>, // look at the dataset again
    cleared: () => void,
  ) {
    const away = button("Discard", () => {
      draft.clear();
      cleared();
    });
    const copy = button("Save as a new dataset", () => this.name());
    this.save = button("Save", () => this.send(null), "main");
    this.save.title = "Changes this dataset; it can be undone";
    this.host = make("div", "pending row", this.text, this.state, make("span", "fill"), away, copy, this.save);
    this.host.setAttribute("role", "region");
    this.host.setAttribute("aria-label", "Edits that are not saved");
    this.tell();
  }

  tell(): void {
    const summary = this.draft.summary();
    this.host.hidden = summary === "";
    say(this.text, summary);
    this.save.disabled = this.dataset.busy !== null;
  }

  /** Save in place, or as a new dataset; returns what that is called. */
  private async send(to: string | null): Promise<string | undefined> {
    say(this.state, "saving …");
    try {
      const body = { state: this.dataset.state, edit: this.draft.operations(), to };
      const made = await post<{ name?: string }>(`${place("datasets", ...this.words)}/edit`, body);
      this.draft.clear();
      if (to === null) await this.again();
      return made.name;
    } finally {
      say(this.state, "");
    }
  }

  private name(): void {
    const input = make("input");
    const wrong = make("p", "warn");
    input.setAttribute("aria-label", "Its name");
    input.value = `${this.words[1]}_edited`;
    input.maxLength = 100;
    const form = make("form", "", make("p", "", "The edited dataset goes into data/ under this name. This one stays as it is."), input, wrong);
    const dialog = make("dialog", "", form);
    const save = make("button", "main", "Save");
    save.type = "submit";
    form.append(make("div", "row", button("Cancel", () => dialog.close()), save));
    form.onsubmit = async (event) => {
      event.preventDefault();
      save.disabled = true;
      try {
        const made = await this.send(input.value);
        dialog.close();
        location.hash = `#/datasets/${(made ?? "").split("/").map(encodeURIComponent).join("/")}`;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        say(wrong, error.message);
      } finally {
        save.disabled = false;
      }
    };
    dialog.onclose = () => dialog.remove();
    document.body.append(dialog);
    dialog.showModal();
    input.select();
  }
}
