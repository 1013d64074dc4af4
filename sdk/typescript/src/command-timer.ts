/** How long the server's word on one's commands takes. */
export class CommandTimer {
  /** Of the newest command that the server's word contains, milliseconds; NaN before. */
  latestMs = NaN;
  private readonly sentMs = new Map<number, number>();

  /** A new session: what was sent in the one before is forgotten. */
  reset(): void {
    this.sentMs.clear();
  }

  onSent(sequence: number, nowMs: number): void {
    // Of a server that confirms nothing nothing is measured.
    if (this.sentMs.size >= MOST_AWAITED) this.sentMs.clear();
    this.sentMs.set(sequence, nowMs);
  }

  /** The server's word contains the commands up to this one. */
  onContained(sequence: number, nowMs: number): void {
    for (const [sent, sentMs] of this.sentMs) {
      if (sent > sequence) break;
      this.latestMs = nowMs - sentMs;
      this.sentMs.delete(sent);
    }
  }
}

const MOST_AWAITED = 256;
