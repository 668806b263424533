// A canvas that is as sharp as the screen.

/** Fits the pixels to the element; returns its context in CSS pixels, cleared, with width and height. */
export function fit(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  const [pixelsWide, pixelsHigh] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== pixelsWide || canvas.height !== pixelsHigh) {
    canvas.width = pixelsWide;
    canvas.height = pixelsHigh;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${getComputedStyle(canvas).fontFamily}`;
  return { context, width, height };
}

const ROUND = [1, 2, 3, 4, 5, 6, 8, 10];

/** The smallest round number that is not below a value: the top of an axis. */
export function niceTop(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return ROUND.map((times) => times * unit).find((top) => top >= value * (1 - 1e-9));
}
