// The brush on a cut-out: strokes are kept as lines in fractions of the photo, so nothing depends on the screen's size.
const $ = (name) => element.querySelector(name);
const dialog = $("dialog"), canvas = $("canvas"), said = $(".said"), size = $("input[type=range]");
const state = { token: "", photo: null, mask: null, strokes: [], line: null, kind: "remove", asked: 0 };

const say = (text) => { said.textContent = text; };
const picture = (source) => new Promise((done, failed) => {
  const image = new Image();
  image.onload = () => done(image);
  image.onerror = failed;
  image.src = source;
});
const radius = () => Number(size.value) / 1000;
const longest = () => Math.max(canvas.width, canvas.height);

function draw() {
  if (!state.photo) return;
  const pen = canvas.getContext("2d");
  pen.drawImage(state.photo, 0, 0, canvas.width, canvas.height);
  if (state.mask) pen.drawImage(state.mask, 0, 0, canvas.width, canvas.height);
  if (!state.line) return;
  pen.strokeStyle = state.line.kind === "keep" ? "rgba(20, 150, 90, 0.6)" : "rgba(210, 60, 30, 0.6)";
  pen.lineWidth = 2 * state.line.radius * longest();
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  for (const [x, y] of state.line.points) pen.lineTo(x * canvas.width, y * canvas.height);
  pen.stroke();
}

async function solve() {
  const asked = ++state.asked;
  say("Finding the edge");
  try {
    const found = JSON.parse(await server.solve([state.token, JSON.stringify(state.strokes)]));
    if (asked !== state.asked) return;            // a newer stroke is under way
    if (found.mask) state.mask = await picture(found.mask);
    say(found.said);
  } catch (error) {
    say("The studio did not answer; try that stroke again.");
  }
  draw();
}

async function open() {
  const opened = JSON.parse(props.value || "{}");
  if (!opened.token || opened.token === state.token && dialog.open) return;
  Object.assign(state, { token: opened.token, mask: null, line: null, strokes: opened.strokes });
  state.photo = await picture(opened.photo);
  canvas.width = state.photo.naturalWidth;
  canvas.height = state.photo.naturalHeight;
  if (!dialog.open) dialog.showModal();
  draw();
  solve();
}

const place = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  const kind = event.altKey ? (state.kind === "keep" ? "remove" : "keep") : state.kind;
  state.line = { kind, radius: radius(), points: [place(event), place(event)] };
  draw();
});
canvas.addEventListener("pointermove", (event) => {
  if (!state.line) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) state.line.points.push(place(one));
  draw();
});
const lift = () => {
  if (!state.line) return;
  state.strokes.push(state.line);
  state.line = null;
  solve();
};
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);

const choose = (kind) => {
  state.kind = kind;
  for (const button of element.querySelectorAll("[data-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
  }
};
const undo = () => { if (state.strokes.pop()) solve(); };
const close = () => { dialog.close(); };
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.kind) choose(button.dataset.kind);
  if (button.name === "undo") undo();
  if (button.name === "clear" && state.strokes.length) { state.strokes = []; solve(); }
  if (button.name === "cancel") close();
  if (button.name === "done") {
    trigger("submit", { token: state.token, strokes: JSON.stringify(state.strokes) });
    close();
  }
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "k") choose("keep");
  else if (event.key === "r") choose("remove");
  else if (event.key === "[") size.value = Number(size.value) - 4;
  else if (event.key === "]") size.value = Number(size.value) + 4;
  else if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
  else return;
  event.preventDefault();
});
choose("remove");
watch("value", open);
