/** Questions to the page's server: JSON in, JSON out; a refusal is an error that says why. */

import { takeToken } from "../token";

const token = takeToken();
let refused = false; // the token is of another page: asking on would lock that one's browsers out

export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** Look at something below /api. */
export function get<T>(path: string): Promise<T> {
  return ask<T>("GET", path);
}

/** Change something. */
export function post<T>(path: string, body: object = {}): Promise<T> {
  return ask<T>("POST", path, JSON.stringify(body));
}

/** Remove something. */
export function remove<T>(path: string): Promise<T> {
  return ask<T>("DELETE", path);
}

/** The words of a path, each made safe: place("runs", "a b") is "/runs/a%20b". */
export function place(...words: string[]): string {
  return words.map((word) => `/${encodeURIComponent(word)}`).join("");
}

async function ask<T>(method: string, path: string, body: string | null = null): Promise<T> {
  if (refused) throw new Refusal(OTHER_LINK, 401);
  const answer = await sent(method, path, body);
  if (answer.ok) return (await answer.json()) as T;
  refused = answer.status === 401;
  throw new Refusal(refused ? OTHER_LINK : reason(await answer.text()), answer.status);
}

const OTHER_LINK = "This link is of an earlier page: open the one that hil-app page printed last.";
const GONE = "hil-app page does not answer: it may have ended.";

async function sent(method: string, path: string, body: string | null): Promise<Response> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  try {
    return await fetch(`/api${path}`, { method, headers, body });
  } catch {
    throw new Refusal(GONE, 0);
  }
}

function reason(text: string): string {
  try {
    return (JSON.parse(text) as { error: string }).error;
  } catch {
    return text.trim();
  }
}
