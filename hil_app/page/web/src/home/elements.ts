/** Elements that several subjects show. */

import { make } from "../dom";

/** A link to a place of this page, as "#/runs/first", or elsewhere. */
export function link(href: string, text: string, className = ""): HTMLAnchorElement {
  const element = make("a", className, text);
  element.href = href;
  return element;
}

/** A button that does something when it is pressed, and is at rest until that is done. */
export function button(text: string, deed: () => unknown, className = ""): HTMLButtonElement {
  const element = make("button", className, text);
  element.type = "button";
  element.onclick = async () => {
    element.disabled = true;
    try {
      await deed();
    } finally {
      element.disabled = false;
    }
  };
  return element;
}

/** A section with a heading. */
export function panel(title: string, ...inside: (Node | string)[]): HTMLElement {
  const section = make("section", "panel", ...(title ? [make("h2", "", title)] : []), ...inside);
  if (title) section.setAttribute("aria-label", title);
  return section;
}

/** A table that scrolls by itself where the screen is narrow; words are in its first columns. */
export function table(head: string[], rows: (Node | string)[][], words = 1): HTMLElement {
  const cells = (kind: "th" | "td", row: (Node | string)[]) =>
    make("tr", "", ...row.map((cell, index) => make(kind, index < words ? "words" : "", cell)));
  const top = head.length ? [make("thead", "", cells("th", head))] : [];
  const body = make("tbody", "", ...rows.map((row) => cells("td", row)));
  return make("div", "wide", make("table", "", ...top, body));
}

/** A command line with a button that copies it; its lines are broken between words. */
export function copyable(text: string): HTMLElement {
  const copy = button("Copy", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  copy.classList.add("quiet");
  const parts = navigator.clipboard ? [copy] : []; // there is none without https, but here
  const words = text.split(" ").flatMap((word, index) => [index ? " " : "", make("span", "word", word)]);
  return make("div", "command", make("code", "", ...words), ...parts);
}

/** Ask before something is done that cannot be undone. */
export function confirm(question: string, yes: string, deed: () => Promise<unknown>): void {
  const dialog = make("dialog", "confirm", make("p", "", question));
  const does = button(yes, async () => {
    dialog.close();
    await deed();
  });
  does.classList.add("danger");
  dialog.append(make("div", "row", button("Cancel", () => dialog.close()), does));
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

/** 2026-11-30 06:24 */
export function moment(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** Do something at once, and again so long after it is done, until the signal. */
export async function again(every: () => number, signal: AbortSignal, deed: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await deed();
    await new Promise((done) => setTimeout(done, every()));
  }
}
