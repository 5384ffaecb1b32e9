/** One dataset: its episodes, one of them in the player, and what was edited before. */

import { make, percent } from "../dom";
import { get, place, post } from "../home/api";
import { button, confirm, link, panel, table } from "../home/elements";
import { type Dataset, type Draft, draftOf, type Episode, outcome, type Row } from "./model";
import { Pending } from "./pending";
import { Player } from "./player";

export async function whole(words: [string, string], episode: number, signal: AbortSignal): Promise<HTMLElement> {
  const host = make("div", "dataset stack");
  const page = new Whole(host, words, signal);
  await page.load(episode);
  return host;
}

class Whole {
  private leave = new AbortController(); // the episode that is shown

  constructor(
    private readonly host: HTMLElement,
    private readonly words: [string, string],
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => this.leave.abort());
  }

  async load(episode: number): Promise<void> {
    const dataset = await get<Dataset>(place("datasets", ...this.words));
    const draft = draftOf(this.words.join("/"), dataset.state);
    const seat = make("div", "seat");
    const list = new EpisodeList(dataset, draft, (index) => void show(index));
    const again = () => this.load(chosen);
    let chosen = episode;
    let player: Player | null = null;
    const changed = () => {
      player?.tell();
      list.tell(chosen);
      pending.tell();
    };
    const pending = new Pending(this.words, dataset, draft, again, changed);
    const show = async (index: number) => {
      chosen = Math.max(0, Math.min(dataset.episodes.length - 1, index));
      history.replaceState(null, "", `#${place("datasets", ...this.words, String(chosen))}`);
      list.tell(chosen);
      player = await this.shown(seat, chosen, draft, changed, (by) => void show(chosen + by));
    };
    const earlier = this.earlier(dataset, draft, changed, again);
    const facts = `${dataset.episodes.length} episodes, ${dataset.frames} frames at ${dataset.fps} Hz, ${dataset.robot}`;
    const busy = dataset.busy === null ? [] : [make("p", "warn", `It cannot be edited in place now: ${dataset.busy}.`)];
    this.host.replaceChildren(
      make("h1", "", link("#/datasets", "Datasets"), ` / ${this.words.join("/")}`),
      make("p", "none", facts),
      ...busy,
      make("div", "two", make("div", "stack", list.host, ...earlier), seat),
      pending.host,
    );
    if (dataset.episodes.length > 0) await show(episode);
  }

  /** Put the player of an episode in its place; what was shown before ends. */
  private async shown(
    seat: HTMLElement,
    index: number,
    draft: Draft,
    changed: () => void,
    step: (by: number) => void,
  ): Promise<Player | null> {
    this.leave.abort();
    this.leave = new AbortController();
    const { signal } = this.leave;
    const path = place("datasets", ...this.words, String(index));
    const episode = await get<Episode>(path).catch((error: Error) => error);
    if (signal.aborted || this.signal.aborted) return null;
    if (episode instanceof Error) {
      seat.replaceChildren(panel(`Episode ${index}`, make("p", "warn", episode.message)));
      return null;
    }
    const player = new Player(episode, draft, path, signal, changed, step);
    seat.replaceChildren(player.host);
    return player;
  }

  private earlier(dataset: Dataset, draft: Draft, changed: () => void, again: () => Promise<void>): HTMLElement[] {
    const { undo, restorable, kept } = dataset;
    if (undo === null) return [];
    const send = (what: string) => async () => {
      await post(`${place("datasets", ...this.words)}/${what}`, { state: dataset.state });
      await again();
    };
    const rows = restorable.map((gone) => {
      const back = button("", () => {
        draft.toggleRestore(gone);
        say();
        changed();
      });
      const say = () => (back.textContent = draft.isRestored(gone) ? "Leave deleted" : "Restore");
      say();
      return [`${gone.episode} of edit ${gone.edit}`, outcome(gone.success), String(gone.length), back];
    });
    const question = `Take back: ${undo.what.join("; ")}? What was recorded since stays.`;
    const lost = `Remove what edits have kept${kept ? `, ${kept}` : ""}? Then they can no longer be undone, and deleted episodes are gone.`;
    const back = button("Undo the last edit", () => confirm(question, "Undo", send("undo")));
    const purge = button("Remove for good", () => confirm(lost, "Remove for good", send("purge")), "danger quiet");
    back.disabled = purge.disabled = dataset.busy !== null;
    const last = make("p", "none", `${undo.at}: ${undo.what.slice(0, 4).join("; ")}${undo.what.length > 4 ? "; …" : ""}`);
    const gone = rows.length ? [table(["deleted", "outcome", "frames", ""], rows, 2)] : [];
    return [panel("Edited before", last, make("div", "row", back, purge), ...gone)];
  }
}

class EpisodeList {
  readonly host: HTMLElement;
  private readonly scrolled: HTMLElement;
  private readonly rows: { row: Row; line: HTMLElement; outcome: HTMLElement; length: HTMLElement }[];

  constructor(
    dataset: Dataset,
    private readonly draft: Draft,
    choose: (index: number) => void,
  ) {
    const cells = dataset.episodes.map((row) => {
      const name = link(`#`, `${row.index}`);
      name.setAttribute("aria-label", `Episode ${row.index}`);
      name.onclick = (event) => {
        event.preventDefault();
        choose(row.index);
      };
      const [result, length] = [make("span"), make("span")];
      const share = row.share === null ? "–" : percent(row.share);
      return { row, name, outcome: result, length, cells: [name, result, row.stage ?? "–", length, share] };
    });
    const shown = table(["episode", "outcome", "stage", "frames", "operator"], cells.map((one) => one.cells), 3);
    this.rows = cells.map(({ name, ...rest }) => ({ ...rest, line: name.closest("tr") as HTMLElement }));
    shown.classList.add("episodes");
    shown.tabIndex = 0;
    shown.setAttribute("aria-label", "Episodes");
    for (const { row, line } of this.rows) line.onclick = () => choose(row.index);
    for (const { name } of cells) name.addEventListener("click", (event) => event.stopPropagation());
    this.scrolled = shown;
    this.host = panel("Episodes", shown);
  }

  /** Scroll the list, and not the page, until a line of it is seen. */
  private reveal(line: HTMLElement | undefined): void {
    if (line === undefined || this.scrolled.clientHeight === 0) return;
    const [list, place] = [this.scrolled.getBoundingClientRect(), line.getBoundingClientRect()];
    const head = 2 * place.height; // the table's head covers lines
    if (place.top < list.top + head) this.scrolled.scrollTop -= list.top + head - place.top;
    if (place.bottom > list.bottom) this.scrolled.scrollTop += place.bottom - list.bottom;
  }

  /** Show which is chosen, and what is to become of each. */
  tell(chosen: number): void {
    for (const { row, line, outcome: result, length } of this.rows) {
      const mark = this.draft.mark(row.index);
      const [first, last] = this.draft.kept(row);
      line.classList.toggle("gone", this.draft.isDeleted(row.index));
      result.textContent = outcome(mark ?? row.success) + (mark === undefined ? "" : " *");
      result.className = (mark ?? row.success) === true ? "good" : (mark ?? row.success) === false ? "bad" : "";
      length.textContent = this.draft.isTrimmed(row.index) ? `${last - first + 1} of ${row.length}` : `${row.length}`;
      if (row.index === chosen) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
    this.reveal(this.rows[chosen]?.line);
  }
}
