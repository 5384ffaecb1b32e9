/** Keys that do something in this run, as long as they are held and the page has the focus. */

export class Keyboard {
  readonly held = new Set<string>();
  private words: Record<string, string> = {};

  /** `changed` is called at each press and release; `wanted` says whether keys are taken now. */
  constructor(
    private readonly wanted: () => boolean,
    private readonly changed: () => void,
  ) {
    addEventListener("keydown", (event) => this.down(event), { capture: true });
    addEventListener("keyup", (event) => this.up(event), { capture: true });
  }

  use(words: Record<string, string>): void {
    this.words = words;
    this.held.clear();
  }

  private down(event: KeyboardEvent): void {
    if (event.metaKey || event.altKey) {
      this.letGo(); // the system may keep the releases to itself
      return;
    }
    if (!(event.code in this.words) || event.code === "Space" || !this.wanted()) return;
    event.preventDefault();
    if (event.repeat || this.held.has(event.code)) return;
    this.held.add(event.code);
    this.changed();
  }

  private up(event: KeyboardEvent): void {
    if (this.held.delete(event.code)) this.changed();
  }

  /** All keys count as released. */
  letGo(): void {
    if (!this.held.size) return;
    this.held.clear();
    this.changed();
  }
}
