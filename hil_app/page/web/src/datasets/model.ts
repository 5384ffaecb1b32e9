/** What the server says of datasets, and the edits that are not saved yet. */

export interface Listed {
  name: string;
  folder: string;
  changed: number; // [s]
  fault?: string; // what is wrong with one that cannot be read
  episodes: number;
  frames: number;
  seconds: number;
  robot: string;
  cameras: string[];
  size: string;
}

export interface Row {
  index: number;
  length: number; // frames
  success: boolean | null;
  stage: string | null;
  task: string;
  recovered: boolean;
  share: number | null; // of the frames in which the operator acted
}

export interface Gone {
  edit: number;
  episode: number;
  length: number;
  success: boolean | null;
}

export interface Dataset {
  state: string;
  folder: string;
  fps: number;
  robot: string;
  frames: number;
  episodes: Row[];
  busy: string | null; // why it cannot be edited in place now
  undo: { at: string; what: string[] } | null;
  edits: number;
  kept: string | null; // bytes that edits have kept
  restorable: Gone[];
}

export interface Camera {
  name: string;
  video: string | null;
  start: number; // of the episode in it [s]
  missing?: boolean;
}

export interface Episode extends Row {
  title: string;
  end: string;
  fps: number;
  frames: number[]; // that the curves have
  motions: Record<string, (number | null)[]>;
  reward: (number | null)[] | null;
  interventions: [number, number][]; // first frame, and the one behind the last
  pauses: number[];
  cameras: Camera[];
}

type Operation =
  | { do: "delete"; episode: number }
  | { do: "mark"; episode: number; success: boolean }
  | { do: "trim"; episode: number; first: number; last: number }
  | { do: "restore"; episode: number; edit: number };

/** The edits of a dataset that are not saved yet. */
export class Draft {
  private readonly deleted = new Set<number>();
  private readonly marks = new Map<number, boolean>();
  private readonly trims = new Map<number, [number, number]>();
  private readonly restored = new Map<string, Gone>();

  constructor(readonly state: string) {}

  isDeleted(episode: number): boolean {
    return this.deleted.has(episode);
  }

  mark(episode: number): boolean | undefined {
    return this.marks.get(episode);
  }

  /** The first and the last frame of an episode that are kept. */
  kept({ index, length }: Row): [number, number] {
    return this.trims.get(index) ?? [0, length - 1];
  }

  isTrimmed(episode: number): boolean {
    return this.trims.has(episode);
  }

  isRestored(gone: Gone): boolean {
    return this.restored.has(nameOf(gone));
  }

  toggleDelete(episode: number): void {
    toggle(this.deleted, episode, !this.deleted.has(episode));
  }

  /** Mark an episode, or take the same mark back. */
  toggleMark(episode: number, success: boolean): void {
    if (this.marks.get(episode) === success) this.marks.delete(episode);
    else this.marks.set(episode, success);
  }

  toggleRestore(gone: Gone): void {
    const name = nameOf(gone);
    if (!this.restored.delete(name)) this.restored.set(name, gone);
  }

  trimStart(row: Row, frame: number): void {
    const [, last] = this.kept(row);
    this.keep(row, frame, frame > last ? row.length - 1 : last);
  }

  trimEnd(row: Row, frame: number): void {
    const [first] = this.kept(row);
    this.keep(row, frame < first ? 0 : first, frame);
  }

  keepAll(row: Row): void {
    this.trims.delete(row.index);
  }

  clear(): void {
    for (const part of [this.deleted, this.marks, this.trims, this.restored]) part.clear();
  }

  operations(): Operation[] {
    const stays = (episode: number) => !this.deleted.has(episode);
    const trims = [...this.trims].filter(([episode]) => stays(episode));
    const marks = [...this.marks].filter(([episode]) => stays(episode));
    return [
      ...[...this.deleted].map((episode) => ({ do: "delete" as const, episode })),
      ...trims.map(([episode, [first, last]]) => ({ do: "trim" as const, episode, first, last })),
      ...marks.map(([episode, success]) => ({ do: "mark" as const, episode, success })),
      ...[...this.restored.values()].map(({ episode, edit }) => ({ do: "restore" as const, episode, edit })),
    ];
  }

  /** 2 deleted, 1 trimmed */
  summary(): string {
    const found = this.operations();
    const count = (is: (operation: Operation) => boolean) => found.filter(is).length;
    const said: [number, string][] = [
      [count((one) => one.do === "delete"), "deleted"],
      [count((one) => one.do === "restore"), "restored"],
      [count((one) => one.do === "trim"), "trimmed"],
      [count((one) => one.do === "mark" && one.success), "marked a success"],
      [count((one) => one.do === "mark" && !one.success), "marked a failure"],
    ];
    return said.flatMap(([number, what]) => (number ? [`${number} ${what}`] : [])).join(", ");
  }

  private keep({ index, length }: Row, first: number, last: number): void {
    if (first === 0 && last === length - 1) this.trims.delete(index);
    else this.trims.set(index, [first, last]);
  }
}

const drafts = new Map<string, Draft>();

/** The draft of a dataset in this state; one of an earlier state is forgotten: its numbers meant others. */
export function draftOf(name: string, state: string): Draft {
  const found = drafts.get(name);
  if (found?.state === state) return found;
  const draft = new Draft(state);
  drafts.set(name, draft);
  return draft;
}

export function outcome(success: boolean | null | undefined): string {
  if (success == null) return "–";
  return success ? "success" : "failure";
}

function nameOf({ edit, episode }: Gone): string {
  return `${edit}:${episode}`;
}

function toggle<T>(set: Set<T>, value: T, inside: boolean): void {
  if (inside) set.add(value);
  else set.delete(value);
}
