// Small plots of the last minute: a line, its newest value, a limit to hold.

export interface PlotOptions {
  label: string;
  unit: string;
  color: string;
  /** A dashed line that is not to be crossed. */
  limit?: number;
  digits?: number;
}

const POINTS = 60;

export class Plot {
  private readonly values: number[] = [];
  private readonly canvas = document.createElement("canvas");
  private readonly valueElement = document.createElement("span");

  constructor(parent: HTMLElement, private readonly options: PlotOptions) {
    const root = document.createElement("div");
    root.className = "plot";
    const label = document.createElement("span");
    label.className = "label";
    label.textContent = options.label;
    this.valueElement.className = "value";
    this.valueElement.textContent = "–";
    root.append(label, this.valueElement, this.canvas);
    parent.append(root);
  }

  push(value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    const { unit, digits = 0 } = this.options;
    this.valueElement.textContent = `${format(value, digits)} ${unit}`;
    this.draw();
  }

  private draw(): void {
    const { canvas, values } = this;
    const ratio = Math.min(2, devicePixelRatio || 1);
    const width = canvas.clientWidth || 206;
    const height = canvas.clientHeight || 30;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const g = canvas.getContext("2d")!;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const { color, limit } = this.options;
    const top = Math.max(...values, 1e-9) * 1.15;
    const y = (value: number): number => height - 1.5 - (value / top) * (height - 4);
    if (limit !== undefined && limit < top) {
      g.strokeStyle = "rgba(255,107,107,.55)";
      g.setLineDash([3, 3]);
      g.beginPath();
      g.moveTo(0, y(limit));
      g.lineTo(width, y(limit));
      g.stroke();
      g.setLineDash([]);
    }
    const step = width / (POINTS - 1);
    const first = width - (values.length - 1) * step;
    g.beginPath();
    values.forEach((value, i) => (i === 0 ? g.moveTo(first, y(value)) : g.lineTo(first + i * step, y(value))));
    g.strokeStyle = color;
    g.lineWidth = 1.5;
    g.lineJoin = "round";
    g.stroke();
    g.lineTo(width, height);
    g.lineTo(first, height);
    g.closePath();
    g.globalAlpha = 0.14;
    g.fillStyle = color;
    g.fill();
    g.globalAlpha = 1;
  }
}

export function format(value: number, digits = 0): string {
  if (Math.abs(value) >= 100_000) return `${(value / 1000).toFixed(0)} k`;
  if (Math.abs(value) >= 10_000) return `${(value / 1000).toFixed(1)} k`;
  return value.toFixed(digits);
}
