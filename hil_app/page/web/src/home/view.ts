/** What a subject shows. */

export interface View {
  readonly name: string; // first word of its address
  readonly title: string;

  /**
   * The elements of what is at a place of it, [] for the subject as a whole. What goes on while it is
   * looked at, as a timer, ends with the signal. A Refusal is told in the banner.
   */
  show(place: string[], signal: AbortSignal): Promise<HTMLElement[]>;
}
