// What was told in the last minutes, a point a frame.

const POINTS = 600;
const GAP_S = 3; // a longer silence is a gap in the lines
const LEAST_S = 60;
const MOST_S = 300;

export class History {
  points = []; // [{time, output, prompt, running, waiting, kv: [{running, held, cached, total}]}], null is a gap

  clear() {
    this.points = [];
  }

  add(frame) {
    const last = this.points.at(-1);
    if (last && frame.time_s - last.time > GAP_S) this.points.push(null);
    this.points.push({
      time: frame.time_s,
      output: frame.throughput.output_tokens_per_s,
      prompt: frame.throughput.prompt_tokens_per_s,
      running: frame.queue.running,
      waiting: frame.queue.waiting,
      kv: frame.kv.map(({ running, held, cached, total }) => ({ running, held, cached, total })),
    });
    if (this.points.length > POINTS) this.points.splice(0, this.points.length - POINTS);
  }

  get end() {
    return this.points.at(-1)?.time ?? 0;
  }

  /** Seconds that charts show: a minute at first, five when there are. */
  get span() {
    const first = this.points.find((point) => point !== null);
    return Math.min(MOST_S, Math.max(LEAST_S, first ? this.end - first.time : 0));
  }

  /** The points that charts show, in stretches without a gap. */
  get stretches() {
    const from = this.end - this.span;
    const found = [[]];
    for (const point of this.points) {
      if (point === null) found.push([]);
      else if (point.time >= from - 1) found.at(-1).push(point);
    }
    return found.filter((stretch) => stretch.length);
  }
}
