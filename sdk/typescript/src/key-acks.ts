// Key frames that are to be acknowledged (docs/formats/state-frame.md): of each stream the
// newest, given out three times, those first that were never given out.

const REPEATS = 3;

export class KeyAcks {
  /** Keys by stream: never given out, and given out so many times less than REPEATS. */
  private readonly fresh = new Map<number, number>();
  private readonly told = new Map<number, { key: number; left: number }>();

  /** The stream's newest key frame is held. An older one's turn becomes this one's. */
  add(stream: number, key: number): void {
    this.told.delete(stream);
    this.fresh.set(stream, key);
  }

  get hasNew(): boolean {
    return this.fresh.size > 0;
  }

  /** At most `limit` values for key_acks. */
  take(limit: number): number[] {
    const values: number[] = [];
    const again: Array<[stream: number, key: number, left: number]> = [];
    for (const [stream, key] of this.fresh) {
      if (values.length === limit) break;
      values.push(stream * 256 + key);
      again.push([stream, key, REPEATS - 1]);
      this.fresh.delete(stream);
    }
    for (const [stream, { key, left }] of this.told) {
      if (values.length === limit) break;
      values.push(stream * 256 + key);
      again.push([stream, key, left - 1]);
      this.told.delete(stream);
    }
    // To the back, so that each has its turn.
    for (const [stream, key, left] of again) if (left > 0) this.told.set(stream, { key, left });
    return values;
  }
}
