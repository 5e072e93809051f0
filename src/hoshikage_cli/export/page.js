
"use strict";
// Plays a run. `now` is how many steps have been made: 0 shows the canvas before the first.
(() => {
  const find = (id) => document.getElementById(id);
  const run = JSON.parse(find("data").textContent);
  const steps = run.steps;
  const last = steps.length;
  const MASK = "▁";
  const END = "·";
  const RECENT = 1;
  let now = 0;
  let view = run.view;
  let speed = 1;
  let timer = null;
  let picked = null;

  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const onLine = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥");
  const quoted = (text) => `“${onLine(text)}”`;
  const surely = (value) => (value === null ? "not known" : value.toFixed(2));

  // ------------------------------------------------------------------- the canvas at each step

  // position → [step number from 1, commit, or null where the token was taken back], in order
  const changes = new Map();
  const note = (position, number, commit) => {
    if (!changes.has(position)) changes.set(position, []);
    changes.get(position).push([number, commit]);
  };
  steps.forEach((step, i) => {
    for (const commit of step.commits) note(commit.position, i + 1, commit);
    for (const position of step.remasked) note(position, i + 1, null);
  });
  // What became of a position last; nothing, as long as it has not been changed.
  const latest = (position, by = now) => (changes.get(position) || []).findLast(([made]) => made <= by) || [];

  // What the model would have put where, by position, in each step's pass.
  const looked = steps.map((step) => new Map((step.proposals || []).map(([position, entropy, top]) => [position, { entropy, top }])));
  const most = Math.max(0, ...looked.flatMap((found) => [...found.values()].map(({ top }) => top.length)));

  const states = [run.canvas.slice()]; // texts after each step; null is a mask
  for (const step of steps) {
    const texts = states[states.length - 1].slice();
    for (const [position, text] of step.texts) texts[position] = text;
    states.push(texts);
  }

  const length = states[last].length;
  const spans = [];
  for (let p = run.prompt; p < length; p++) {
    const span = make("span");
    span.dataset.position = p;
    spans.push(span);
    find("canvas").append(span);
  }

  // Where an answer has ended by now: the first end token that is there.
  const ending = () => {
    for (let p = run.prompt; p < length; p++) {
      const [, commit] = latest(p);
      if (commit && commit.end) return p;
    }
    return length;
  };

  const level = (position) => {
    const [made, commit] = latest(position);
    if (view === "order") return Math.min(4, Math.floor((5 * steps[made - 1].index) / Math.max(run.total || last, 1)));
    return commit.confidence === null ? null : run.edges.filter((edge) => commit.confidence >= edge).length;
  };

  const look = (position, text, end) => {
    const [made, commit] = latest(position);
    const recent = made !== undefined && now - made < RECENT;
    if (text === null) return recent ? "masked back" : "masked";
    if (!commit) return "given";
    if (position >= end) return "end";
    if (recent && commit.before !== null) return "replaced";
    if (view === "tokens" || view === "proposals") return recent ? "fresh" : "settled";
    const rank = level(position);
    return rank === null ? "settled" : `${view}-${rank}`;
  };

  // The likeliest proposal of the next step, for a masked position: [what is shown, probability].
  const ghost = (position) => {
    const found = now < last && looked[now].get(position);
    if (view !== "proposals" || !found || !found.top.length) return null;
    const [token, probability] = found.top[0];
    return [onLine(run.pieces[token][0]) || END, probability];
  };

  const draw = () => {
    const texts = states[now];
    const end = ending();
    for (const span of spans) {
      const p = Number(span.dataset.position);
      const there = p < texts.length;
      const text = there ? texts[p] : null;
      const was = span.className;
      const plain = there ? look(p, text, end) : "";
      const fading = plain === "settled" && (was.startsWith("fresh") || was.startsWith("settled fading"));
      const name = fading ? "settled fading" : plain;
      span.hidden = !there;
      const guess = there && text === null ? ghost(p) : null;
      span.className = [name, guess && "ghost", p === picked && "picked"].filter(Boolean).join(" ");
      span.style.opacity = guess ? 0.35 + 0.65 * guess[1] : "";
      // A mask is as wide as what will take its place, so that nothing moves but what is new.
      const shown = guess ? guess[0] : text === null ? run.final[p] || END : name === "end" ? text.trim() || END : text;
      if (span.textContent !== shown) span.textContent = shown;
    }
    find("text").textContent = textAt(texts, end);
    find("scrub").value = now;
    find("scrub").setAttribute("aria-valuetext", `step ${now} of ${last}`);
    find("where").textContent = `step ${now} / ${last}`;
    find("figures").textContent = figures();
    if (picked !== null) tell(picked);
    cursor();
  };

  const textAt = (texts, end) =>
    texts.slice(run.prompt, end).map((text) => (text === null ? MASK : text)).join("");

  const figures = () => {
    if (now === 0) return "before the first step";
    const step = steps[now - 1];
    const facts = [`${step.elapsed.toFixed(2)} s`, `NFE ${step.nfe}`];
    if (step.remasked.length) facts.unshift(`${step.remasked.length} taken back`);
    if (run.diffusion) facts.unshift(`${step.masked} masked`);
    if (step.block) facts.push(`block ${step.block[0]}–${step.block[1] - 1}`);
    return facts.join(" · ");
  };

  // ------------------------------------------------------------------------------- playing

  const timeAt = (number) => (number > 0 ? steps[number - 1].at : 0);

  const pause = (tell = true) => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    find("play").textContent = "Play";
    // Only when it stands still: a voice cannot follow thirty steps a second.
    if (tell) find("said").textContent = `step ${now} of ${last}: ${find("text").textContent}`;
  };

  const play = () => {
    if (now >= last) now = 0;
    find("play").textContent = "Pause";
    find("said").textContent = "";
    let began = performance.now() - (timeAt(now) * 1000) / speed;
    let pace = speed;
    const tick = () => {
      if (pace !== speed) {
        began = performance.now() - (timeAt(now) * 1000) / speed;
        pace = speed;
      }
      const clock = ((performance.now() - began) / 1000) * speed;
      const before = now;
      while (now < last && timeAt(now + 1) <= clock) now++;
      if (now !== before) draw();
      if (now >= last) pause();
      else timer = setTimeout(tick, 33);
    };
    draw();
    timer = setTimeout(tick, 33);
  };

  const toggle = () => (timer === null ? play() : pause());

  const go = (number) => {
    now = Math.max(0, Math.min(last, Math.round(number)));
    draw();
    pause();
  };

  // ------------------------------------------------------------------------------ a token

  const pick = (position) => {
    picked = position;
    draw();
  };

  const tell = (position) => {
    const detail = find("detail");
    const [made, commit] = latest(position);
    const masked = (states[now][position] ?? null) === null;
    if (masked) {
      detail.textContent = made === undefined ? `still masked · position ${position}` : `taken back in step ${made} of ${last}`;
    } else if (!commit) {
      detail.textContent = "given, not generated";
    } else {
      detail.replaceChildren(make("b", "", quoted(commit.piece)));
      const facts = [` position ${position}`, `step ${made} of ${last}`, `${run.surely} ${surely(commit.confidence)}`];
      detail.append(facts.join(" · "));
      if (commit.other !== null) detail.append(" · runner-up ", make("b", "", quoted(commit.other)));
      if (commit.before !== null) detail.append(" · in place of ", make("b", "", quoted(commit.before)));
    }
    // Of a masked position what the next step sees in it, of a token what its own step saw.
    const found = (looked[masked ? now : made - 1] || new Map()).get(position);
    if (found) detail.append(` · entropy ${surely(found.entropy)} nats`, bars(found.top));
    else if (masked && most) detail.append(" · not looked at in the next step");
  };

  const bars = (top) => {
    const list = make("ol", "bars");
    for (const [token, probability] of top) {
      const item = make("li");
      const bar = make("i");
      bar.style.width = `${Math.min(100, 100 * probability)}%`;
      item.append(make("b", "", quoted(run.pieces[token][1])), make("span", "", probability === null ? "" : probability.toFixed(3)), bar);
      list.append(item);
    }
    return list;
  };

  for (const name of ["pointerover", "click"]) {
    find("canvas").addEventListener(name, (event) => {
      const position = event.target.dataset.position;
      if (position !== undefined) pick(Number(position));
    });
  }

  // The table has the same for those who cannot point.
  find("tokens").addEventListener("toggle", () => {
    if (find("rows").children.length) return;
    for (const position of [...changes.keys()].sort((a, b) => a - b)) {
      const [made, commit] = latest(position, last);
      if (!commit) continue;
      const row = make("tr");
      const other = commit.other === null ? "" : quoted(commit.other);
      for (const text of [position, quoted(commit.piece), made, surely(commit.confidence), other]) {
        row.append(make("td", "", String(text)));
      }
      find("rows").append(row);
    }
  });

  // ------------------------------------------------------------------------------ the chart

  const SVG = "http://www.w3.org/2000/svg";
  const [left, right, top, bottom] = [34, 606, 10, 140];
  const draft = (tag, attributes, text) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    find("plot").append(made);
    return made;
  };
  const across = (number) => left + ((right - left) * number) / Math.max(last, 1);
  const up = (share) => bottom - (bottom - top) * share;

  const chart = () => {
    const most = Math.max(1, run.canvas.filter((text) => text === null).length);
    const masked = [most, ...steps.map((step) => step.masked)];
    const means = steps.map((step) => {
      const known = step.commits.map((c) => c.confidence).filter((c) => c !== null);
      return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
    });
    if (run.diffusion) {
      const points = masked.map((count, i) => `${across(i)},${up(count / most)}`);
      draft("polygon", { class: "area", points: [`${left},${bottom}`, ...points, `${right},${bottom}`].join(" ") });
      draft("text", { x: 2, y: top + 8 }, most);
    }
    const line = means.map((mean, i) => (mean === null ? "" : `${across(i + 1)},${up(mean)}`));
    draft("polyline", { class: "sure", points: line.filter(Boolean).join(" ") });
    draft("text", { x: 2, y: bottom }, "0");
    draft("text", { x: right + 6, y: top + 8 }, "1.0");
    draft("text", { x: right + 6, y: bottom }, "0.0");
    draft("text", { x: left, y: bottom + 15 }, "0");
    draft("text", { x: right, y: bottom + 15, "text-anchor": "end" }, `step ${last}`);
    draft("line", { class: "now", id: "cursor", y1: top, y2: bottom });
    const mean = means.filter((m) => m !== null);
    const average = mean.length ? (mean.reduce((a, b) => a + b, 0) / mean.length).toFixed(2) : "not known";
    const fall = run.diffusion ? `Masked positions fall from ${most} to ${masked[last]} in ${last} steps; ` : "";
    find("chart-name").textContent = `${fall}mean ${run.surely} ${average}.`;
    find("plot").addEventListener("click", (event) => {
      const box = find("plot").getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 640;
      go(((x - left) / (right - left)) * last);
    });
  };

  const cursor = () => {
    const line = find("cursor");
    if (!line) return;
    line.setAttribute("x1", across(now));
    line.setAttribute("x2", across(now));
  };

  // ----------------------------------------------------------------------------- controls

  const legend = () => {
    const box = find("legend");
    box.replaceChildren();
    if (run.revisions.includes("remasked")) {
      const mask = make("span");
      mask.append(make("span", "masked back", MASK), "taken back");
      box.append(mask);
    }
    if (run.revisions.includes("replaced")) box.append(make("span", "replaced", "replaced"));
    if (view === "tokens" || view === "proposals") return;
    const total = Math.max(run.total || last, 1);
    for (let i = 0; i < 5; i++) {
      const word = view === "order" ? String(Math.ceil((i * total) / 5) + 1) : i ? `≥${run.edges[i - 1]}` : `<${run.edges[0]}`;
      box.append(make("span", `${view}-${i}`, word));
    }
  };

  const show = (name) => {
    view = name;
    for (const radio of document.getElementsByName("view")) radio.checked = radio.value === name;
    legend();
    draw();
  };

  const hasten = (by) => {
    const box = find("speed");
    box.selectedIndex = Math.max(0, Math.min(box.options.length - 1, box.selectedIndex + by));
    speed = Number(box.value);
  };

  find("play").addEventListener("click", toggle);
  find("scrub").addEventListener("input", (event) => go(Number(event.target.value)));
  find("speed").addEventListener("change", () => hasten(0));
  for (const radio of document.getElementsByName("view")) {
    radio.addEventListener("change", () => show(radio.value));
  }

  const keys = {
    " ": toggle,
    ArrowLeft: () => go(now - 1),
    ArrowRight: () => go(now + 1),
    Home: () => go(0),
    End: () => go(last),
    1: () => show("tokens"),
    2: () => show("confidence"),
    3: () => show("order"),
    4: () => run.ghosts && show("proposals"),
    "+": () => hasten(1),
    "=": () => hasten(1),
    "-": () => hasten(-1),
  };
  document.addEventListener("keydown", (event) => {
    // Controls have keys of their own.
    const own = event.target.closest("input, select, button, summary");
    if (!Object.hasOwn(keys, event.key) || own || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  for (const id of ["controls", "chart", "tokens", "keys"]) find(id).hidden = false;
  find("scrub").max = last;
  if (most) find("detail").style.minHeight = `${1.5 * most + 3}rem`; // so that what follows stays put
  chart();
  show(view);
  // Those who do not want things to move see the end, and may press play.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) go(last);
  else play();

  globalThis.hoshikage = { play, pause, go, show, text: () => find("text").textContent, step: () => now };
})();
