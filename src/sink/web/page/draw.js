// What is drawn on canvases: maps, events, a trace and a strip of labels.

// Viridis of matplotlib (CC0) at 20 equal steps: even in lightness, and readable for the colour-blind.
const VIRIDIS = ("440154 481567 482677 453781 404788 39568c 33638d 2d708e 287d8e 238a8d " +
  "1f968b 20a387 29af7f 3cbb75 55c667 73d055 95d840 b8de29 dce319 fde725")
  .split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));

const SOFT = "#93a0ad";
const TEXT = "#d7dde4";
const MARK = "#ffffff";
export const LABELS = ["smile", "shock", "neutral", "anger"];
// Okabe and Ito's palette, in the order of the labels.
const LABEL_COLOURS = ["#e69f00", "#56b4e9", "#999999", "#cc79a7"];
const BANDS = { low: 1 / 3, medium: 2 / 3, high: 1 };

function palette(colour) {
  const table = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(table.buffer);
  for (let level = 0; level < 256; level++) bytes.set([...colour(level), 255], 4 * level);
  return table;
}

function between(from, to, share) {
  return from.map((value, at) => value + (to[at] - value) * share);
}

const HEAT = palette((level) => {
  const place = (level / 255) * (VIRIDIS.length - 1);
  const step = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return between(VIRIDIS[step], VIRIDIS[step + 1], place - step);
});

// Blue became darker, orange brighter, black is quiet.
const POLARITY = palette((level) => level < 128
  ? between([0, 0, 0], [90, 169, 240], (128 - level) / 128)
  : between([0, 0, 0], [240, 160, 60], (level - 128) / 127));

// Pixels of one byte each through a palette, stretched over a box of the canvas.
function blit(context, header, pixels, colours, x, y, width, height) {
  const sheet = new OffscreenCanvas(header.width, header.height);
  const image = new ImageData(header.width, header.height);
  new Uint32Array(image.data.buffer).set(Uint32Array.from(pixels, (level) => colours[level]));
  sheet.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(sheet, x, y, width, height);
}

function start(canvas) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.font = "15px system-ui, sans-serif";
  context.fillStyle = SOFT;
  context.lineWidth = 2;
  return context;
}

// A map with its axes: metres upwards, speed to the sides, decibels beside it.
export function drawMap(canvas, header, pixels, target) {
  const context = start(canvas);
  const [left, right, bottom] = [52, 66, 40];
  const width = canvas.width - left - right;
  const height = canvas.height - bottom;
  blit(context, header, pixels, HEAT, left, 0, width, height);
  const far = header.height * header.range_step_m;
  const slowest = -header.zero_column * header.velocity_step_m_s;
  const span = header.width * header.velocity_step_m_s;
  const column = (speed) => left + ((speed - slowest) / span + 0.5 / header.width) * width;
  const row = (metres) => height - (metres / far + 0.5 / header.height) * height;
  context.textAlign = "right";
  for (let tick = 0; tick <= 4; tick++) {
    const metres = (far * tick) / 4;
    const y = height - (metres / far) * height;
    context.fillText(metres.toFixed(1), left - 6, Math.min(Math.max(y + 5, 13), height - 2));
  }
  context.fillText("m", left - 6, height + 18);
  context.textAlign = "center";
  const most = Math.min(-slowest, slowest + span);
  const digits = most < 0.1 ? 3 : most < 1 ? 2 : 1;
  for (const share of [-0.8, -0.4, 0, 0.4, 0.8]) {
    context.fillText((share * most).toFixed(digits), column(share * most), height + 18);
  }
  context.fillText("m/s, approaching on the left", left + width / 2, height + 36);
  scaleBar(context, canvas.width - right + 12, height);
  if (target) cross(context, column(target.velocity_m_s), row(target.range_m));
}

function scaleBar(context, x, height) {
  for (let y = 0; y < height; y++) {
    const level = HEAT[Math.round(255 * (1 - y / height))];
    context.fillStyle = `rgb(${level & 255} ${(level >> 8) & 255} ${(level >> 16) & 255})`;
    context.fillRect(x, y, 12, 1);
  }
  context.fillStyle = SOFT;
  context.textAlign = "left";
  context.fillText("0 dB", x + 16, 14);
  context.fillText("-60", x + 16, height - 2);
}

function cross(context, x, y) {
  for (const [colour, width] of [["#000000", 5], [MARK, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x - 9, y - 9, 18, 18);
  }
}

// The camera's picture and the region of the face.
export function drawEvents(canvas, header, pixels, region) {
  const scale = canvas.width / header.width;
  const height = Math.round(header.height * scale);
  if (canvas.height !== height) canvas.height = height;
  const context = start(canvas);
  blit(context, header, pixels, POLARITY, 0, 0, canvas.width, height);
  if (!region) return;
  const across = canvas.width / header.sensor_width;
  const down = height / header.sensor_height;
  context.strokeStyle = MARK;
  context.setLineDash([8, 5]);
  context.strokeRect(region.x * across + 1, region.y * down + 1,
    region.width * across - 2, region.height * down - 2);
  context.setLineDash([]);
  context.fillStyle = TEXT;
  context.fillText("face", region.x * across + 6, region.y * down + 18);
}

// How the chest moved: bytes between the lowest and the highest, newest on the right.
export function drawBreath(canvas, header, pixels) {
  const context = start(canvas);
  const [left, bottom, top] = [52, 24, 10];
  const height = canvas.height - bottom - top;
  if (pixels.length < 2) return;
  const seconds = (pixels.length - 1) * header.step_s;
  const x = (at) => left + (at / (pixels.length - 1)) * (canvas.width - left - 4);
  context.textAlign = "right";
  const extent = header.high_mm - header.low_mm;
  context.fillText(extent.toFixed(1), left - 6, top + 10);
  context.fillText("0 mm", left - 6, top + height);
  context.textAlign = "left";
  context.fillText(`-${seconds.toFixed(0)} s`, left, canvas.height - 6);
  context.textAlign = "right";
  context.fillText("now", canvas.width - 4, canvas.height - 6);
  context.strokeStyle = "#7fb8e6";
  context.beginPath();
  pixels.forEach((level, at) => context.lineTo(x(at), top + height * (1 - level / 255)));
  context.stroke();
}

// A row for each label: where it was shown, as tall as the band; a hatch where the stage is closed.
export function drawBelief(canvas, history, span_us) {
  const context = start(canvas);
  const left = 70;
  const row = canvas.height / LABELS.length;
  const newest = history.length ? history[history.length - 1].until : 0;
  const x = (micros) =>
    left + Math.max(0, 1 - (newest - micros) / span_us) * (canvas.width - left);
  LABELS.forEach((label, at) => {
    context.fillStyle = SOFT;
    context.fillText(label, 4, row * (at + 0.6));
    context.fillRect(left, row * (at + 1) - 1, canvas.width - left, 1);
  });
  for (const { from, until, state, label, band } of history) {
    const width = Math.max(x(until) - x(from), 1);
    const at = LABELS.indexOf(label);
    if (state === "shown" && at >= 0) {
      const height = (row - 6) * (BANDS[band] || BANDS.low);
      context.fillStyle = LABEL_COLOURS[at];
      context.fillRect(x(from), row * (at + 1) - 1 - height, width, height);
    } else if (state === "closed") {
      hatch(context, x(from), width, canvas.height);
    }
  }
}

function hatch(context, x, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, 0, width, height);
  context.clip();
  context.strokeStyle = "#2a313a";
  context.beginPath();
  for (let at = x - (x % 14) - height; at < x + width; at += 14) {
    context.moveTo(at, height);
    context.lineTo(at + height, 0);
  }
  context.stroke();
  context.restore();
}
