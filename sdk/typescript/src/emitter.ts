/** Callbacks for one kind of event. Adding one gives back how to remove it. */
export class Signal<Args extends unknown[]> {
  private handlers: Array<(...args: Args) => void> = [];

  add(handler: (...args: Args) => void): () => void {
    this.handlers.push(handler);
    return () => {
      this.handlers = this.handlers.filter((other) => other !== handler);
    };
  }

  emit(...args: Args): void {
    for (const handler of this.handlers) handler(...args);
  }

  get size(): number {
    return this.handlers.length;
  }
}
