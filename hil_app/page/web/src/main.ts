/** The operator's page: wires the line to the panels and the operator's hands to the line. */

import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Connection, type Line } from "./connection";
import { byId, say } from "./dom";
import { EmergencyStop } from "./input/emergency";
import { rumble } from "./input/gamepad";
import { InputSender } from "./input/sender";
import { ArmView, withoutScene } from "./panels/arm";
import { Cameras } from "./panels/cameras";
import { CurvePanel } from "./panels/curves";
import { EpisodeList, EventList } from "./panels/episodes";
import { Figures } from "./panels/figures";
import { Status } from "./panels/status";
import { Steer } from "./panels/steer";
import type { FromServer, Hello, State } from "./protocol";
import { takeToken } from "./token";

const ASKS = "The policy asks for a take-over";
const REFUSAL_MS = 6000;

class Page {
  private readonly connection = new Connection(takeToken(), {
    message: (message) => this.hear(message),
    image: (camera, age, jpeg) => void this.cameras.draw(camera, age, jpeg),
    line: (line) => this.showLine(line),
  });
  private ids = Date.now() % 1e9;
  private readonly next = () => this.ids++;
  private readonly status = new Status();
  private readonly cameras = new Cameras((camera) => this.connection.send({ type: "drawn", camera }));
  private readonly arm = armView();
  private readonly curves = new CurvePanel();
  private readonly episodes = new EpisodeList();
  private readonly events = new EventList();
  private readonly figures = new Figures();
  private readonly input = new InputSender(this.connection);
  private readonly emergency = new EmergencyStop(this.connection, this.next);
  private readonly steer = new Steer(this.connection, this.input, this.next);
  private hello: Hello | null = null;
  private refusal: { why: string; until: number } | null = null;

  start(): void {
    this.connection.open();
  }

  private hear(message: FromServer): void {
    switch (message.type) {
      case "hello":
        return this.begin(message);
      case "state":
        return this.show(message);
      case "curves":
        return this.curves.add(message);
      case "episodes":
        return this.episodes.add(message.add);
      case "event":
        return this.events.add(message);
      case "pressed":
        return this.emergency.pressed(message.id);
      case "refused":
        this.refusal = { why: message.why, until: performance.now() + REFUSAL_MS };
        return this.banner(message.why, "refusal");
      case "rumble":
        return rumble(this.input.pads.pad, message.strength, message.seconds);
      case "pong":
        return this.figures.showDelay(performance.now() - message.t);
    }
  }

  private begin(hello: Hello): void {
    this.hello = hello;
    this.cameras.begin(hello.run.cameras);
    this.curves.begin(hello.run);
    this.episodes.begin();
    this.events.begin();
    this.figures.begin(hello.run);
    this.input.keyboard.use(hello.keys);
    this.steer.begin(hello);
    this.emergency.begin();
    void this.arm?.begin(hello.run, this.connection.token);
  }

  private show(state: State): void {
    if (this.hello === null) return;
    this.status.show(state, this.hello.run);
    this.arm?.show(state);
    this.curves.sample(state);
    this.figures.show(state);
    this.steer.show(state);
    if (this.refusal !== null && performance.now() < this.refusal.until) return;
    this.banner(state.help ? ASKS : "", "help");
  }

  private showLine(line: Line): void {
    this.status.showLine(line);
    if (line === "open") return;
    this.steer.lost();
    this.banner("", "");
  }

  private banner(words: string, kind: string): void {
    const banner = byId("banner");
    say(banner, words);
    banner.hidden = words === "";
    banner.dataset.kind = kind;
  }
}

function armView(): ArmView | null {
  try {
    return new ArmView();
  } catch {
    withoutScene();
    return null;
  }
}

new Page().start();
