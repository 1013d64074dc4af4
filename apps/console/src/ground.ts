// What lies under everybody: floor, grid, obstacles. Drawn again only when the camera moved.
import type { ArenaMap, Obstacle } from "./arena";
import type { Camera } from "./camera";

const GROUND = "#0a0e16";
export const FLOOR = "#101724";
const GRID = "rgba(140,165,210,.055)";
const BORDER = "rgba(140,165,210,.34)";
const GRID_BOLD = "rgba(140,165,210,.085)";
const OBSTACLE_SHADOW = "rgba(3,5,9,.5)";
const OBSTACLE_SIDE = "#1a2336";
const OBSTACLE_TOP = "#2a3752";
export const OBSTACLE_EDGE = "#465879";
/** An obstacle that is smaller on the screen is drawn without shadow and side. */
const PLAIN_BELOW_PIXELS = 7;

export class Ground {
  private readonly g: CanvasRenderingContext2D;
  private ratio = 1;
  /** What is on the canvas. */
  private drawn = "";
  private drawnMap: ArenaMap | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d", { alpha: false })!;
  }

  resize(camera: Camera, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(camera.width * ratio);
    this.canvas.height = Math.round(camera.height * ratio);
    this.drawn = "";
  }

  draw(map: ArenaMap | null, camera: Camera): void {
    const asked = `${camera.x} ${camera.y} ${camera.scale}`;
    if (this.drawn === asked && this.drawnMap === map) return;
    [this.drawn, this.drawnMap] = [asked, map];
    const { g } = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.fillStyle = GROUND;
    g.fillRect(0, 0, camera.width, camera.height);
    if (map) this.drawGround(map, camera);
  }

  private drawGround(map: ArenaMap, camera: Camera): void {
    const { g } = this;
    const left = camera.screenX(0);
    const top = camera.screenY(0);
    const width = map.width * camera.scale;
    const height = map.height * camera.scale;
    g.fillStyle = FLOOR;
    g.fillRect(left, top, width, height);
    // Lines at a round step that is 60 … 120 px on the screen, and bolder ones.
    let step = 1;
    while (step * camera.scale < 60) step *= 2;
    this.drawGrid(map, camera, step, GRID);
    this.drawGrid(map, camera, step * 4, GRID_BOLD);
    for (const obstacle of map.obstacles) this.drawObstacle(obstacle, camera);
    g.strokeStyle = BORDER;
    g.lineWidth = 2;
    g.strokeRect(left, top, width, height);
  }

  private drawGrid(map: ArenaMap, camera: Camera, step: number, color: string): void {
    const { g } = this;
    const x1 = Math.max(0, camera.screenX(0));
    const x2 = Math.min(camera.width, camera.screenX(map.width));
    const y1 = Math.max(0, camera.screenY(0));
    const y2 = Math.min(camera.height, camera.screenY(map.height));
    g.strokeStyle = color;
    g.lineWidth = 1;
    g.beginPath();
    for (let x = Math.ceil(camera.toMap(x1, 0).x / step) * step; camera.screenX(x) < x2; x += step) {
      const at = Math.round(camera.screenX(x)) + 0.5;
      g.moveTo(at, y1);
      g.lineTo(at, y2);
    }
    for (let y = Math.ceil(camera.toMap(0, y1).y / step) * step; camera.screenY(y) < y2; y += step) {
      const at = Math.round(camera.screenY(y)) + 0.5;
      g.moveTo(x1, at);
      g.lineTo(x2, at);
    }
    g.stroke();
  }

  private drawObstacle(obstacle: Obstacle, camera: Camera): void {
    const { g } = this;
    const x = camera.screenX(obstacle.x);
    const y = camera.screenY(obstacle.y);
    const halfWidth = obstacle.halfWidth * camera.scale;
    const halfHeight = obstacle.halfHeight * camera.scale;
    if (x + halfWidth < 0 || y + halfHeight < 0 || x - halfWidth > camera.width || y - halfHeight > camera.height) return;
    // A block seen from above: its shadow, its side, its top.
    const rise = Math.min(9, camera.scale * 0.45);
    if (Math.max(halfWidth, halfHeight) * 2 < PLAIN_BELOW_PIXELS) {
      g.fillStyle = OBSTACLE_TOP;
      g.fillRect(x - halfWidth, y - halfHeight, halfWidth * 2, halfHeight * 2);
      return;
    }
    const layers: Array<[string, number]> = [
      [OBSTACLE_SHADOW, rise * 1.1],
      [OBSTACLE_SIDE, 0],
      [OBSTACLE_TOP, -rise],
    ];
    for (const [color, shift] of layers) {
      g.fillStyle = color;
      g.beginPath();
      if (obstacle.round) g.arc(x, y + shift, halfWidth, 0, 2 * Math.PI);
      else g.rect(x - halfWidth, y + shift - halfHeight, halfWidth * 2, halfHeight * 2);
      g.fill();
    }
    g.strokeStyle = OBSTACLE_EDGE;
    g.lineWidth = 1;
    g.stroke();
  }
}
