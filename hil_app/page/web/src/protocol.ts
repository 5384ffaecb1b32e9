/** The messages between the browser and the page's process, as JSON over one WebSocket. */

export type Mood = "policy" | "you" | "paused" | "alarm";
export type Deed =
  | "success"
  | "failure"
  | "rerecord"
  | "pause"
  | "stop"
  | "ready"
  | "emergency_stop";

export interface Camera {
  name: string;
  width: number;
  height: number;
}

/** URDF angle [rad] = zero + scale * value, in the order of the run's joints. */
export interface UrdfJoints {
  zero: number[];
  scale: number[];
}

export interface Run {
  name: string;
  command: string;
  task: string | null;
  robot: string;
  fps: number;
  cameras: Camera[];
  joints: string[];
  limits: [number, number][];
  units: string[];
  bounds: { min: number[]; max: number[] } | null;
  urdf: string | null; // where it is served
  urdf_joints: UrdfJoints | null;
  teleop: string | null;
}

export interface Hello {
  type: "hello";
  id: string;
  run: Run;
  mapping: Record<string, string>; // what a pad's controls do, by their names: "left stick up"
  keys: Record<string, string>; // what keys do, by KeyboardEvent.code
  dead_man_ms: number | null;
}

export interface Stage {
  name: string;
  title: string;
  done: number;
  goal: number | null;
  unit: string;
  seconds?: number; // this and what follows is not there before the first stage
  left?: number | null;
  ticks?: number;
  episode?: number;
  episode_ticks?: number;
  reset_left?: number | null;
}

export interface Controls {
  holder: string | null;
  yours: boolean;
  viewers: number;
}

export interface State {
  type: "state";
  t: number;
  who: string;
  mood: Mood;
  stage: Stage;
  joints?: number[] | null; // this and what follows is not there before the first stage
  target?: number[] | null;
  tip?: number[] | null;
  object?: number[] | null;
  loads?: number[] | null;
  temperatures?: number[] | null;
  help?: boolean;
  classifier?: number | null;
  lateness?: { p50: number; p99: number; max: number } | null;
  learner?: {
    updates: number;
    updates_per_second: number;
    version: number;
    online: number;
    offline: number;
  } | null;
  controls: Controls;
}

export type Point = [number, number];

export interface Curves {
  type: "curves";
  from: number;
  series: Record<string, Point[]>;
}

export interface Episode {
  number: number;
  stage: string;
  ticks: number;
  success: boolean;
  intervention_ticks: number;
  reward: number;
  rerecord: boolean;
}

export interface Episodes {
  type: "episodes";
  add: Episode[];
}

export interface Happened {
  type: "event";
  problem: boolean;
  name: string;
  message: string;
}

export type FromServer =
  | Hello
  | State
  | Curves
  | Episodes
  | Happened
  | { type: "pressed"; id: number }
  | { type: "refused"; why: string }
  | { type: "rumble"; strength: number; seconds: number }
  | { type: "pong"; t: number };

/** What the operator's devices say, raw; what it means is decided in Python. */
export interface Input {
  gamepad: { axes: number[]; buttons: number[] } | null;
  keys: string[];
  sticks: Sticks | null;
}

/** On-screen sticks: right and down are positive; gripper 0 closes, 1 stays, 2 opens. */
export interface Sticks {
  left: [number, number];
  right: [number, number];
  hold: boolean;
  gripper: 0 | 1 | 2;
}

export type ToServer =
  | { type: "hello"; token: string }
  | { type: "controls"; want: boolean }
  | ({ type: "input"; seq: number } & Input)
  | { type: "press"; what: Deed; id: number }
  | { type: "drawn"; camera: number }
  | { type: "ping"; t: number };
