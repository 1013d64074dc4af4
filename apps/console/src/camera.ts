/** Which part of the map is on the screen. Positions are map units, sizes CSS pixels. */
export class Camera {
  x = 0;
  y = 0;
  /** Pixels a map unit. */
  scale = 1;
  width = 1;
  height = 1;
  /** What panels cover of the window's edges when the whole map is in sight, pixels. */
  margins = { left: 16, right: 16, top: 16, bottom: 16 };
  private mapWidth = 1;
  private mapHeight = 1;
  private targetScale = 0;

  setMap(width: number, height: number): void {
    this.mapWidth = Math.max(1, width);
    this.mapHeight = Math.max(1, height);
    this.fit();
  }

  resize(width: number, height: number): void {
    const wasFitted = Math.abs(this.scale - this.fitScale()) < 1e-9;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    if (wasFitted) this.fit();
  }

  /** The whole map, as large as the window takes it. */
  fit(): void {
    const { left, right, top, bottom } = this.margins;
    this.scale = this.fitScale();
    this.x = this.mapWidth / 2 - (left - right) / 2 / this.scale;
    this.y = this.mapHeight / 2 - (top - bottom) / 2 / this.scale;
    this.targetScale = 0;
  }

  fitScale(): number {
    const { left, right, top, bottom } = this.margins;
    // In a window smaller than its panels the map is still somewhere.
    const width = Math.max(100, this.width - left - right);
    const height = Math.max(100, this.height - top - bottom);
    return Math.min(width / this.mapWidth, height / this.mapHeight);
  }

  /** Glides to a scale over the next frames. */
  glideTo(scale: number): void {
    this.targetScale = scale;
  }

  animate(seconds: number): void {
    if (this.targetScale <= 0) return;
    const f = 1 - Math.exp(-seconds * 6);
    this.scale *= (this.targetScale / this.scale) ** f;
    if (Math.abs(this.targetScale / this.scale - 1) < 0.002) {
      this.scale = this.targetScale;
      this.targetScale = 0;
    }
  }

  /** Moves towards a point; soft, so that a correction is not a jerk. */
  follow(x: number, y: number, seconds: number, stiffness = 14): void {
    const far = Math.hypot(x - this.x, y - this.y) * this.scale > this.width;
    const f = far ? 1 : 1 - Math.exp(-seconds * stiffness);
    this.x += (x - this.x) * f;
    this.y += (y - this.y) * f;
  }

  pan(dxPixels: number, dyPixels: number): void {
    this.x = Math.min(this.mapWidth, Math.max(0, this.x - dxPixels / this.scale));
    this.y = Math.min(this.mapHeight, Math.max(0, this.y - dyPixels / this.scale));
  }

  /** Zooms about a point of the screen. */
  zoom(factor: number, screenX: number, screenY: number, maxScale: number): void {
    this.targetScale = 0;
    const at = this.toMap(screenX, screenY);
    this.scale = Math.min(maxScale, Math.max(this.fitScale() * 0.6, this.scale * factor));
    this.x = at.x - (screenX - this.width / 2) / this.scale;
    this.y = at.y - (screenY - this.height / 2) / this.scale;
  }

  toMap(screenX: number, screenY: number): { x: number; y: number } {
    return {
      x: this.x + (screenX - this.width / 2) / this.scale,
      y: this.y + (screenY - this.height / 2) / this.scale,
    };
  }

  screenX(x: number): number {
    return (x - this.x) * this.scale + this.width / 2;
  }

  screenY(y: number): number {
    return (y - this.y) * this.scale + this.height / 2;
  }
}
