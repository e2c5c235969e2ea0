// The cursor: where all browsers of a console look. Between two tellings each moves it by its own clock.
class Cursor {
  /** `moved` is told where the cursor is, at each frame while it runs. */
  constructor(moved) {
    this.moved = moved;
    this.told({ at_us: 0, rate: 0, duration_us: 0 });
  }

  told({ at_us: at, rate, duration_us: end }) {
    Object.assign(this, { at, rate, end, since: performance.now() });
    cancelAnimationFrame(this.frame);
    if (rate) this.tick();
  }

  get now() {
    const gone = this.rate * (performance.now() - this.since) * 1000;
    return Math.min(this.end, Math.round(this.at + gone));
  }

  get runs() { return this.rate > 0 && this.now < this.end; }

  tick() {
    this.moved(this.now);
    if (this.runs) this.frame = requestAnimationFrame(() => this.tick());
    else this.moved(this.end);
  }
}
