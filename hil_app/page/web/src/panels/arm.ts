/** The arm in 3D: as it stands, where it is told to go, its workspace, path and object. */

import {
  Box3,
  Box3Helper,
  BoxGeometry,
  BufferAttribute,
  BufferGeometry,
  Color,
  DirectionalLight,
  GridHelper,
  HemisphereLight,
  Line,
  LineBasicMaterial,
  Mesh,
  MeshLambertMaterial,
  PerspectiveCamera,
  Scene,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import URDFLoader, { type URDFRobot } from "urdf-loader";
import { byId, colour, make, onScheme } from "../dom";
import type { Run, State, UrdfJoints } from "../protocol";

const EVERY_MS = 50; // between two drawings
const SOFT_EVERY_MS = 250; // the same where the processor draws
const SCREEN_MS = 17; // what the screen itself lets wait
const SLOW_MS = 60; // a drawing that takes longer is drawn more coarsely
const COARSEST = 0.5; // pixels for each of the screen's
const MOST_PIXELS = { soft: 160_000, hard: 4_000_000 }; // of the canvas, where the processor draws or not
const PATH = 400; // points
const MOVED_M = 0.002; // between two of them
const CUBE_M = 0.024;
const APART_M = 0.006; // between a link and where it is told to go
const TURNED = 0.04; // between the directions of their axes

type Vec = [number, number, number];

export class ArmView {
  private readonly host = byId("arm");
  private readonly canvas = byId<HTMLCanvasElement>("scene");
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(38, 1, 0.02, 10);
  private readonly orbit: OrbitControls;
  private readonly renderer: WebGLRenderer;
  private readonly ghostSkin = new MeshLambertMaterial({ transparent: true, opacity: 0.28, depthWrite: false });
  private readonly path = new Path();
  private readonly object = new Mesh(new BoxGeometry(CUBE_M, CUBE_M, CUBE_M), new MeshLambertMaterial());
  private readonly box = new Box3Helper(new Box3());
  private grid = new GridHelper(1, 20);
  private robot: URDFRobot | null = null;
  private ghost: URDFRobot | null = null;
  private run: Run | null = null;
  private newest: State | null = null;
  private shown = ""; // what is drawn of it
  private episode = -1;
  private dirty = true;
  private seen = true;
  private due = 0; // when it may be drawn again
  private drawn: number | null = null; // when it was, just now
  private every = EVERY_MS;
  private most = MOST_PIXELS.hard;
  private ratio = Math.min(devicePixelRatio, 2);
  private resized = false; // what was drawn is stretched until it is drawn again

  /** Throws where the browser has no WebGL. */
  constructor() {
    const soft = withoutGpu();
    if (soft) [this.ratio, this.every, this.most] = [1, SOFT_EVERY_MS, MOST_PIXELS.soft];
    this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: !soft, alpha: true });
    this.camera.up.set(0, 0, 1);
    this.orbit = new OrbitControls(this.camera, this.canvas);
    this.orbit.enablePan = false;
    this.orbit.minDistance = 0.25;
    this.orbit.maxDistance = 2;
    this.orbit.addEventListener("change", () => (this.dirty = true));
    const sun = new DirectionalLight(0xffffff, 1.6);
    sun.position.set(0.5, -0.4, 1);
    const sky = new HemisphereLight(0xffffff, 0x8090a8, 1.3);
    sky.position.set(0, 0, 1);
    this.scene.add(sky, sun, this.box, this.path.line, this.object);
    byId("recentre").addEventListener("click", () => this.recentre());
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    new IntersectionObserver(([entry]) => (this.seen = entry?.isIntersecting ?? true)).observe(this.canvas);
    onScheme(() => this.paint());
    this.paint();
    requestAnimationFrame((now) => this.frame(now));
  }

  async begin(run: Run, token: string): Promise<void> {
    this.run = run;
    this.host.hidden = run.urdf === null;
    this.path.clear();
    for (const old of [this.robot, this.ghost]) if (old !== null) this.scene.remove(old);
    this.robot = this.ghost = this.newest = null;
    this.shown = "";
    if (run.urdf === null) return;
    this.box.visible = run.bounds !== null;
    if (run.bounds !== null) {
      this.box.box.set(new Vector3(...(run.bounds.min as Vec)), new Vector3(...(run.bounds.max as Vec)));
    }
    this.recentre();
    const answer = await fetch(run.urdf, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok || this.run !== run) return;
    const text = await answer.text();
    [this.robot, this.ghost] = [load(text), load(text)];
    this.ghost.traverse((part) => {
      if (part instanceof Mesh) part.material = this.ghostSkin;
    });
    this.scene.add(this.robot, this.ghost);
    this.shown = "";
    if (this.newest !== null) this.show(this.newest); // or it would first be drawn stretched out
    this.dirty = true;
  }

  show(state: State): void {
    this.newest = state;
    const map = this.run?.urdf_joints;
    if (!map) return;
    const { joints, target, object, tip, stage } = state;
    const shown = JSON.stringify([joints, target, object, tip, stage.episode]);
    if (shown === this.shown) return; // an arm that rests costs nothing
    this.shown = shown;
    pose(this.robot, this.run, map, state.joints);
    pose(this.ghost, this.run, map, state.target);
    if (this.robot !== null && this.ghost !== null) showApart(this.robot, this.ghost);
    this.object.visible = state.object != null;
    if (state.object) this.object.position.set(...(state.object as Vec));
    const episode = state.stage.episode ?? 0;
    if (episode !== this.episode) this.path.clear();
    this.episode = episode;
    if (state.tip) this.path.add(state.tip as Vec);
    this.dirty = true;
  }

  private recentre(): void {
    const bounds = this.run?.bounds;
    const middle = new Vector3(0.17, 0, 0.1);
    if (bounds) this.box.box.getCenter(middle).lerp(new Vector3(0.05, 0, 0.1), 0.45);
    this.orbit.target.copy(middle);
    this.camera.position.copy(middle).add(new Vector3(0.42, -0.46, 0.3));
    this.orbit.update();
    this.dirty = true;
  }

  private paint(): void {
    this.scene.remove(this.grid);
    this.grid = new GridHelper(1, 20, new Color(colour("line-strong")), new Color(colour("line")));
    this.grid.rotateX(Math.PI / 2);
    this.scene.add(this.grid);
    this.ghostSkin.color.set(colour("ghost"));
    this.path.paint(colour("path"));
    (this.object.material as MeshLambertMaterial).color.set(colour("object"));
    (this.box.material as LineBasicMaterial).color.set(colour("box"));
    this.dirty = true;
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.camera.aspect = width / height;
    this.camera.fov = width > height ? 38 : 38 + 14 * (1 - width / height);
    this.camera.updateProjectionMatrix();
    this.resized = true;
    this.dirty = true;
  }

  /** Draw when something has changed, and leave most of the time to the operator's hands. */
  private frame(now: number): void {
    requestAnimationFrame((next) => this.frame(next));
    this.pace(now);
    const rests = now < this.due && !this.resized;
    if (!this.dirty || !this.seen || this.host.hidden || rests) return;
    this.drawn = now;
    this.due = now + this.every;
    this.dirty = this.resized = false;
    this.fit();
    this.renderer.render(this.scene, this.camera);
  }

  /** Have the canvas as many pixels as it needs; that clears it, so it is drawn at once. */
  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const ratio = Math.min(this.ratio, Math.sqrt(this.most / (width * height)));
    const [wide, high] = [Math.floor(width * ratio), Math.floor(height * ratio)];
    if (this.canvas.width === wide && this.canvas.height === high) return;
    this.renderer.setPixelRatio(ratio);
    this.renderer.setSize(width, height, false);
  }

  /** Right after a drawing: rest for four times as long as it took, and draw the next coarsely. */
  private pace(now: number): void {
    if (this.drawn === null) return;
    const took = now - this.drawn - SCREEN_MS;
    this.drawn = null;
    this.due = Math.max(this.due, now + 4 * took);
    if (took > SLOW_MS) this.ratio = Math.max(0.8 * this.ratio, Math.min(COARSEST, this.ratio));
  }
}

/** The newest way of the gripper's tip. */
class Path {
  private readonly points = new Float32Array(3 * PATH);
  private readonly attribute = new BufferAttribute(this.points, 3);
  private readonly skin = new LineBasicMaterial({ transparent: true, opacity: 0.9 });
  readonly line: Line;
  private count = 0;

  constructor() {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", this.attribute);
    this.line = new Line(geometry, this.skin);
    this.line.frustumCulled = false;
    this.clear();
  }

  paint(hue: string): void {
    this.skin.color.set(hue);
  }

  clear(): void {
    this.count = 0;
    this.line.geometry.setDrawRange(0, 0);
  }

  add(point: Vec): void {
    const last = 3 * (this.count - 1);
    const before = new Vector3(this.points[last] ?? 9, this.points[last + 1] ?? 9, this.points[last + 2] ?? 9);
    if (before.distanceTo(new Vector3(...point)) < MOVED_M) return;
    if (this.count === PATH) {
      this.points.copyWithin(0, 3);
      this.count--;
    }
    this.points.set(point, 3 * this.count++);
    this.attribute.needsUpdate = true;
    this.line.geometry.setDrawRange(0, this.count);
  }
}

function load(urdf: string): URDFRobot {
  const loader = new URDFLoader();
  loader.parseCollision = false;
  return loader.parse(urdf);
}

/** Turn the joints of a robot; names without a joint of the URDF turn nothing. */
function pose(robot: URDFRobot | null, run: Run | null, map: UrdfJoints, values: number[] | null | undefined): void {
  if (robot === null || run === null || !values) return;
  values.forEach((value, index) => {
    const name = run.joints[index];
    if (name === undefined) return;
    robot.setJointValue(name, (map.zero[index] ?? 0) + (map.scale[index] ?? 0) * value);
  });
}

/** Show of the ghost only the links that are not where the arm's are. */
function showApart(robot: URDFRobot, ghost: URDFRobot): void {
  robot.updateMatrixWorld();
  ghost.updateMatrixWorld();
  for (const [name, link] of Object.entries(ghost.links)) {
    const there = robot.links[name]?.matrixWorld.elements;
    const apart = link.matrixWorld.elements.some((one, index) => {
      return Math.abs(one - (there?.[index] ?? 0)) > (index < 12 ? TURNED : APART_M);
    });
    for (const part of link.children) if ("isURDFVisual" in part) part.visible = apart;
  }
}

/** Whether the computer's processor draws in 3D, which takes time that the operator's hands need. */
function withoutGpu(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (context === null) return false;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software/i.test(name);
}

/** What stands there where the browser cannot draw in 3D. */
export function withoutScene(): void {
  const words = "This browser has no WebGL, so the arm is not drawn.";
  byId("arm").replaceChildren(make("h2", "", "Arm"), make("p", "none", words));
}
