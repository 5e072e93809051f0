"use strict";
// Plays one run, or several beside each other. A moment is what the scrubber counts: one step of every
// run at once, or, second by second, the next step of any. Moment 0 shows the canvases before the first.
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const MASK = "▁";
  const END = "·";
  const LEVELS = 5;
  const BLANKS = /^[ \t\n]+(?=[^ \t\n])/;
  const HEIGHT = 200; // of a strip, at most
  const LARGEST = 4096; // that every browser draws
  const PATIENCE = 8; // steps in which nothing new may be in sight
  let view = data.view;

  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const onLine = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥");
  const quoted = (text) => `“${onLine(text)}”`;
  const surely = (value) => (value === null ? "not known" : value.toFixed(2));
  const levelOf = (confidence) =>
    confidence === null ? null : data.edges.filter((edge) => confidence >= edge).length;
  const orderOf = (index, total) => Math.min(LEVELS - 1, Math.floor((LEVELS * index) / Math.max(total, 1)));
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // ============================================================================== one run

  const player = (run, place, rail) => {
    const part = (name) => place.querySelector(`.${name}`);
    const steps = run.steps;
    const last = steps.length;
    const total = run.total || last;
    let now = 0;
    let picked = null;

    // What the model would have put where, by position, in each step's pass.
    const looked = steps.map((step) => new Map((step.proposals || []).map(([position, entropy, top]) => [position, { entropy, top }])));
    const most = Math.max(0, ...looked.map((found) => Math.max(0, ...[...found.values()].map(({ top }) => top.length))));

    // ------------------------------------------------------------ the canvas at each step

    // Of each position: its text, null where it is masked, undefined where it is not there yet; and
    // what was done there last, as [number of the step from 1, commit, or null: taken back].
    const cells = run.canvas.map((text) => ({ text, made: [] }));
    const NOWHERE = { text: undefined, made: [] };
    // What a step changes, as [position, before, after], so that time runs both ways.
    const moves = steps.map((step, i) => {
      const changed = new Map();
      const change = (position, facts) => changed.set(position, { ...(changed.get(position) || cells[position] || NOWHERE), ...facts });
      for (const [position, text] of step.texts) change(position, { text });
      for (const commit of step.commits) change(commit.position, { made: [i + 1, commit] });
      for (const position of step.remasked) change(position, { made: [i + 1, null] });
      return [...changed].sort(([a], [b]) => a - b).map(([position, after]) => {
        const before = cells[position] || NOWHERE;
        cells[position] = after;
        return [position, before, after];
      });
    });
    const ends = cells.slice();
    const length = cells.length;
    now = last;

    const turn = (number) => {
      while (now < last && now < number) for (const [position, , after] of moves[now++]) cells[position] = after;
      while (now > number) for (const [position, before] of moves[--now]) cells[position] = before;
    };
    turn(0);

    // Blanks in front of a word stand outside of it: they have no colour, and may hang over an edge.
    const shown = [];
    for (let p = run.prompt; p < length; p++) {
      const blanks = document.createTextNode("");
      const span = make("span");
      span.dataset.position = p;
      part("canvas").append(blanks, span);
      shown.push({ p, blanks, span, before: shown.at(-1)?.span, name: "", text: "" });
    }

    // Where an answer has ended by now: the first end token that is there.
    const ending = () => {
      if (run.ends) for (let p = run.prompt; p < length; p++) if (cells[p].made[1]?.end) return p;
      return length;
    };

    const look = (p, end) => {
      const { text, made: [made, commit] } = cells[p];
      const recent = made !== undefined && made === now;
      if (text === undefined) return "";
      if (text === null) return recent ? "masked back" : "masked";
      if (p >= end || commit?.end) return "end";
      if (!commit) return "given";
      if (recent && commit.before !== null) return "replaced";
      const level = view === "order" ? orderOf(steps[made - 1].index, total) : view === "confidence" ? levelOf(commit.confidence) : null;
      if (level !== null) return `${view}-${level}`;
      return recent ? "fresh" : "settled";
    };

    // The likeliest proposal of the next step, for a masked position: [what is shown, probability].
    const ghost = (p) => {
      const found = view === "proposals" && cells[p].text === null && now < last && looked[now].get(p);
      if (!found || !found.top.length) return null;
      const [token, probability] = found.top[0];
      return [onLine(run.pieces[token][0]).trim() || END, probability];
    };

    const drawOne = (place, end) => {
      const { p, span, blanks } = place;
      const { text } = cells[p];
      const plain = look(p, end);
      const fading = plain === "settled" && /^(fresh|settled fading)/.test(place.name);
      const guess = ghost(p);
      const name = [fading ? "settled fading" : plain, guess && "ghost", guess && guess[0].length > (run.final[p] || END).trim().length && "cut", p === picked && "picked"].filter(Boolean).join(" ");
      // A mask is as wide as what will take its place, so that nothing moves but what is new.
      const whole = text === undefined ? "" : text === null ? run.final[p] || END : plain === "end" ? text.trim() || END : text;
      if (name !== place.name) span.className = place.name = name;
      if (whole !== place.text) {
        const lead = (whole.match(BLANKS) || [""])[0];
        blanks.data = lead;
        span.textContent = whole.slice(lead.length);
        span.toggleAttribute("data-lead", lead !== "");
        place.before?.toggleAttribute("data-tail", lead !== "");
        place.text = whole;
      }
      if (guess) {
        span.dataset.ghost = guess[0];
        span.style.setProperty("--sure", 0.35 + 0.65 * guess[1]);
      } else if (span.dataset.ghost) {
        delete span.dataset.ghost;
        span.style.removeProperty("--sure");
      }
    };

    const draw = () => {
      const end = ending();
      for (const place of shown) drawOne(place, end);
      write(part("text"), textAt(end));
      write(part("figures"), figures());
      write(part("step-label"), `Step ${now} of ${last}.`);
      part("ahead").style.height = `${100 * (1 - now / Math.max(strip.rows, 1))}%`;
      lay();
      if (picked !== null) tell(picked);
    };

    const textAt = (end) =>
      cells.slice(run.prompt, end).map(({ text, made }) => (text === null ? MASK : made[1]?.end ? "" : text ?? "")).join("");

    const figures = () => {
      if (now === 0) return "before the first step";
      const step = steps[now - 1];
      const facts = [`${step.elapsed.toFixed(2)} s`, `NFE ${step.nfe}`];
      const replaced = step.commits.filter((commit) => commit.before !== null).length;
      if (replaced) facts.unshift(`${replaced} replaced`);
      if (step.remasked.length) facts.unshift(`${step.remasked.length} taken back`);
      if (run.diffusion) facts.unshift(`${step.masked} masked`);
      if (step.block) facts.push(`block ${step.block[0]}–${step.block[1] - 1}`);
      return facts.join(" · ");
    };

    // ----------------------------------------------------------- where along the text, in a frame

    const isNew = ({ p, name }) => cells[p].made[0] === now && !name.startsWith("end");
    let sighted = 0; // the last step of which something was in sight

    const lay = () => {
      if (!rail.clientWidth || !shown.length) return;
      const width = (rail.width = Math.round(rail.clientWidth * (globalThis.devicePixelRatio || 1)));
      rail.height = 1;
      const colours = getComputedStyle(document.documentElement);
      const pen = rail.getContext("2d");
      const each = width / shown.length;
      const fill = (i, name, least) => {
        pen.fillStyle = colours.getPropertyValue(`--${name}`).trim();
        pen.fillRect(Math.floor(i * each), 0, Math.max(least, Math.ceil(each) - (each > 3 ? 1 : 0)), 1);
      };
      shown.forEach(({ name }, i) => name && !/^end/.test(name) && fill(i, name.startsWith("masked") ? "mask" : "dim", 1));
      shown.forEach((each, i) => isNew(each) && fill(i, each.name.includes("back") ? "back" : "new", 4));
    };

    // As in the terminal: to what is far only if nothing was in sight for a while, so that one can read.
    const follow = () => {
      const found = shown.filter(isNew).map(({ span }) => span);
      const bottom = find("controls").getBoundingClientRect().top;
      const inSight = (span) => {
        const box = span.getBoundingClientRect();
        return box.top >= 0 && box.bottom <= bottom;
      };
      if (!found.length || found.some(inSight) || now < sighted) sighted = now;
      else if (now - sighted > PATIENCE) found[0].scrollIntoView({ block: "center" });
    };

    rail.addEventListener("click", (event) => {
      const i = Math.floor((event.offsetX / rail.clientWidth) * shown.length);
      shown[Math.max(0, Math.min(shown.length - 1, i))].span.scrollIntoView({ block: "center" });
    });

    // ---------------------------------------------------------------------------- a token

    const tell = (position) => {
      const detail = part("detail");
      const { text, made: [made, commit] } = cells[position] || NOWHERE;
      const masked = (text ?? null) === null;
      if (masked) {
        detail.textContent = made === undefined ? `still masked · position ${position}` : `taken back in step ${made} of ${last}`;
      } else if (!commit) {
        detail.textContent = "given, not generated";
      } else {
        detail.replaceChildren(make("b", "", quoted(commit.piece)));
        const facts = [` position ${position}`, `step ${made} of ${last}`, `${run.surely} ${surely(commit.confidence)}`];
        detail.append(facts.join(" · "));
        if (commit.other !== null) detail.append(" · runner-up ", make("b", "", quoted(commit.other)));
        if (commit.chance !== null) detail.append(` ${surely(commit.chance)}`);
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

    const pick = (position) => {
      picked = position;
      draw();
    };

    for (const name of ["pointerover", "click"]) {
      part("canvas").addEventListener(name, (event) => {
        const position = event.target.dataset.position;
        if (position !== undefined) pick(Number(position));
      });
    }

    // The table has the same for those who cannot point.
    part("tokens").addEventListener("toggle", () => {
      const rows = part("tokens").querySelector("tbody");
      if (rows.children.length) return;
      ends.forEach(({ made: [made, commit] }, position) => {
        if (!commit) return;
        const row = make("tr");
        const other = commit.other === null ? "" : `${quoted(commit.other)}${commit.chance === null ? "" : ` ${surely(commit.chance)}`}`;
        for (const text of [position, quoted(commit.piece), made, surely(commit.confidence), other]) {
          row.append(make("td", "", String(text)));
        }
        rows.append(row);
      });
    });

    // -------------------------------------------------------------------------- the strip

    // Step × position: quiet where masked, bright where a token was put, calm where it stays.
    const strip = {
      box: part("strip"),
      canvas: part("strip").querySelector("canvas"),
      rows: last,
      fit() {
        if (this.box.clientWidth !== this.wide) this.paint();
      },
      paint() {
        const { canvas, rows } = this;
        this.wide = this.box.clientWidth;
        if (!this.wide) return; // in a frame it is not shown
        const density = globalThis.devicePixelRatio || 1;
        const width = Math.round(this.wide * density);
        const height = Math.round(Math.max(64, Math.min(HEIGHT, rows * 8)) * density);
        const count = Math.max(length - run.prompt, 1);
        Object.assign(canvas, { width, height });
        if (count <= width && rows <= height) this.draw(canvas, Math.max(1, Math.round((2 * rows * density) / height)));
        else {
          // More than there are dots: drawn as large as it is, and made smaller.
          const whole = Object.assign(make("canvas"), { width: Math.min(count, LARGEST), height: Math.min(rows, LARGEST) });
          this.draw(whole, Math.ceil((3 * rows * density) / height));
          const pen = canvas.getContext("2d");
          pen.imageSmoothingQuality = "high";
          pen.drawImage(whole, 0, 0, width, height);
        }
        canvas.setAttribute("aria-label", described());
      },
      // mark: how many rows are bright where a token was put.
      draw(canvas, mark) {
        const { rows } = this;
        const { width, height } = canvas;
        const ink = getComputedStyle(document.documentElement);
        const colour = (name) => ink.getPropertyValue(`--${name}`).trim();
        const pen = canvas.getContext("2d");
        const count = Math.max(length - run.prompt, 1);
        const x = (p) => Math.floor(((p - run.prompt) * width) / count);
        const y = (row) => Math.floor((Math.min(row, rows) * height) / Math.max(rows, 1));
        const fill = (p, from, to, style, alpha) => {
          pen.fillStyle = style;
          pen.globalAlpha = alpha;
          const gap = width > 3 * count ? 1 : 0; // where there is room, between positions
          pen.fillRect(x(p), y(from), Math.max(1, x(p + 1) - x(p) - gap), Math.max(1, y(to) - y(from)));
        };
        const scale = data.scales[view === "order" ? "order" : "confidence"];
        const toned = (made, commit) => {
          const level = view === "order" ? orderOf(steps[made - 1].index, total) : levelOf(commit.confidence);
          const [own, paper] = level === null ? [null, null] : scale[level];
          return paper || own;
        };
        // A stay: from the step that brought it about to the one that ended it.
        const stay = (p, from, to, made, commit, text) => {
          if (text === undefined) return;
          if (text === null) {
            if (made) fill(p, from, from + mark, colour("back"), 1);
          } else if (!commit || commit.end) {
            fill(p, from, to, colour("dim"), 0.22);
            if (commit) fill(p, from, from + mark, colour("dim"), 0.4);
          } else {
            const tone = toned(made, commit) || colour("dim");
            fill(p, from, to, tone, 0.45);
            fill(p, from, from + mark, commit.before === null ? tone : colour("edit"), 1);
          }
        };
        const since = ends.map(() => 0); // number of the step in which it came to be as it is
        const stands = run.canvas.map((text) => ({ text, made: [] }));
        const close = (p, to) => {
          const { text, made } = stands[p] || NOWHERE;
          stay(p, Math.max(since[p] - 1, 0), to, ...[made[0], made[1]], text);
        };
        moves.forEach((changed, i) => {
          for (const [p, , after] of changed) {
            if (p >= run.prompt) close(p, i);
            since[p] = i + 1;
            stands[p] = after;
          }
        });
        for (let p = run.prompt; p < length; p++) close(p, last);
        // How sure it would have been where nothing is put yet.
        looked.forEach((found, i) => {
          for (const [p, { top }] of found) if (top.length && top[0][1]) fill(p, i, i + 1, colour("dim"), 0.18 * top[0][1]);
        });
      },
      at(event) {
        const box = this.box.getBoundingClientRect();
        const share = (value, size) => Math.max(0, Math.min(0.9999, value / size));
        const p = run.prompt + Math.floor(share(event.clientX - box.left, box.width) * (length - run.prompt));
        return [Math.floor(share(event.clientY - box.top, box.height) * this.rows) + 1, p];
      },
    };

    const described = () => {
      const known = steps.flatMap((step) => step.commits.map((c) => c.confidence)).filter((c) => c !== null);
      const mean = known.length ? (known.reduce((a, b) => a + b, 0) / known.length).toFixed(2) : "not known";
      const masks = run.canvas.filter((text) => text === null).length;
      const fall = run.diffusion ? `Masked positions fall from ${masks} to ${last ? steps[last - 1].masked : masks} in ${last} steps; ` : "";
      return `${fall}mean ${run.surely} ${mean}.`;
    };

    strip.box.addEventListener("pointerdown", (event) => {
      const [step, position] = strip.at(event);
      picked = position;
      visit(me, step);
    });
    strip.box.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return;
      const [step, position] = strip.at(event);
      picked = position;
      if (event.buttons) visit(me, step);
      else draw();
    });

    for (const name of ["aside", "tokens", "figures"]) part(name).hidden = false;
    if (most) part("detail").style.minHeight = `${1.5 * most + 3}rem`; // so that what follows stays put

    const me = {
      run,
      last,
      strip,
      draw,
      follow,
      at: (number) => (number > 0 ? steps[number - 1].at : 0),
      go: (number) => {
        turn(number);
        draw();
      },
      step: () => now,
      text: () => part("text").textContent,
    };
    return me;
  };

  // ========================================================================= all together

  const places = [...document.querySelectorAll(".run")];
  const rails = find("rails").children;
  const players = data.runs.map((run, i) => player(run, places[i], rails[i]));
  const longest = Math.max(...players.map((each) => each.last));
  for (const each of players) each.strip.rows = longest;

  // By pace: the moments, as [second, number of the step of each run].
  const counted = (second) => players.map((each) => each.run.steps.filter((step) => step.at <= second).length);
  const paces = {
    steps: () =>
      Array.from({ length: longest + 1 }, (_, number) => {
        const numbers = players.map((each) => Math.min(number, each.last));
        return [Math.max(...players.map((each, i) => each.at(numbers[i]))), numbers];
      }),
    seconds: () => {
      const times = [...new Set(players.flatMap((each) => each.run.steps.map((step) => step.at)))].sort((a, b) => a - b);
      return [[0, players.map(() => 0)], ...times.map((second) => [second, counted(second)])];
    },
  };
  let moments = paces.steps();
  let last = moments.length - 1;
  let now = 0;
  let speed = 1;
  let timer = null;

  const draw = () => {
    players.forEach((each, i) => each.go(moments[now][1][i]));
    find("scrub").value = now;
    find("scrub").setAttribute("aria-valuetext", `step ${now} of ${last}`);
    write(find("where"), `step ${now} / ${last}`);
  };

  const pause = (follow = true) => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    seen.disconnect();
    write(find("play"), "Play");
    // Only when it stands still: a voice cannot follow thirty steps a second.
    write(find("said"), `step ${now} of ${last}: ${players.map((each) => each.text()).join(" / ")}`);
    if (follow) address.step(now);
  };

  const play = () => {
    if (now >= last) now = 0;
    seen.disconnect();
    write(find("play"), "Pause");
    write(find("said"), "");
    let began, pace;
    const start = () => {
      began = performance.now() - (moments[now][0] * 1000) / speed;
      pace = speed;
    };
    const tick = () => {
      if (pace !== speed) start();
      const clock = ((performance.now() - began) / 1000) * speed;
      const before = now;
      while (now < last && moments[now + 1][0] <= clock) now++;
      if (now !== before) draw();
      if (now !== before && rails[0].clientWidth) players[0].follow();
      if (now < last) timer = setTimeout(tick, 33);
      else {
        pause(false);
        address.step(null);
      }
    };
    start();
    draw();
    timer = setTimeout(tick, 33);
  };

  const toggle = () => (timer === null ? play() : pause());

  const go = (number) => {
    now = Math.max(0, Math.min(last, Math.round(number)));
    draw();
    pause();
  };

  // The first moment at which a run stands at a step.
  const visit = (one, number) => {
    const i = players.indexOf(one);
    go(moments.findIndex(([, numbers]) => numbers[i] >= Math.min(number, one.last)));
  };

  const keep = (name) => {
    const [, numbers] = moments[now];
    moments = paces[name]();
    last = moments.length - 1;
    find("scrub").max = last;
    now = Math.max(0, moments.findIndex(([, each]) => each[0] >= numbers[0]));
    if (timer === null) go(now);
    else draw();
  };

  // -------------------------------------------------------------------------- the address

  // `#step=12` opens at that step, and follows; `#embed` leaves the text and what plays it.
  const address = {
    read: () => new URLSearchParams(location.hash.slice(1)),
    has: (name) => address.read().has(name) || new URLSearchParams(location.search).has(name),
    step(number) {
      clearTimeout(address.due);
      address.due = setTimeout(() => {
        const wanted = address.read();
        if (number === null) wanted.delete("step");
        else wanted.set("step", number);
        const hash = wanted.toString().replace(/=(?=&|$)/g, "");
        try {
          history.replaceState(null, "", hash || location.hash ? `#${hash}` : location.href);
        } catch {
          // A frame that has no address of its own.
        }
      }, 200);
    },
    follow() {
      const step = address.read().get("step");
      if (step === null || !/^\d+$/.test(step)) return false;
      go(Number(step));
      return true;
    },
  };
  addEventListener("hashchange", address.follow);
  if (address.has("embed")) document.documentElement.classList.add("embed");

  // ----------------------------------------------------------------------------- controls

  const legend = () => {
    const box = find("legend");
    box.replaceChildren();
    const entry = (name, word, swatch) => {
      const made = make("span", swatch ? "" : name);
      if (swatch) made.append(make("i", `swatch ${name}`), word);
      else made.textContent = word;
      box.append(made);
    };
    const runs = data.runs;
    if (runs.some((run) => run.diffusion)) entry("mask", "masked", true);
    const revised = (how) => runs.some((run) => run.revisions.includes(how));
    if (revised("remasked")) entry("back", "taken back", true);
    if (revised("replaced")) entry("replaced", "replaced");
    if (view === "tokens" || view === "proposals") entry("fresh", "new");
    if (view === "proposals") box.append(make("em", "", "proposed"));
    if (!Object.hasOwn(data.scales, view)) return;
    const total = Math.max(...runs.map((run) => run.total || run.steps.length), 1);
    box.append(make("em", "", view === "order" ? "step" : runs[0].surely));
    for (let i = 0; i < LEVELS; i++) {
      const word = view === "order" ? String(Math.ceil((i * total) / LEVELS) + 1) : i ? `≥${data.edges[i - 1]}` : `<${data.edges[0]}`;
      entry(`${view}-${i}`, word);
    }
  };

  const repaint = () => {
    players.forEach((each) => each.strip.paint());
    draw();
  };

  const show = (name) => {
    view = name;
    for (const radio of document.getElementsByName("view")) radio.checked = radio.value === name;
    legend();
    repaint();
  };

  const hasten = (by) => {
    const box = find("speed");
    box.selectedIndex = Math.max(0, Math.min(box.options.length - 1, box.selectedIndex + by));
    speed = Number(box.value);
  };

  const darken = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : root.dataset.theme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    repaint();
  };

  find("play").addEventListener("click", toggle);
  find("theme").addEventListener("click", darken);
  find("scrub").addEventListener("input", (event) => go(Number(event.target.value)));
  find("speed").addEventListener("change", () => hasten(0));
  for (const radio of document.getElementsByName("view")) {
    radio.addEventListener("change", () => show(radio.value));
  }
  for (const radio of document.getElementsByName("pace")) {
    radio.addEventListener("change", () => keep(radio.value));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  const sizes = new ResizeObserver(() => {
    for (const each of players) each.strip.fit(), each.draw();
  });
  for (const each of players) sizes.observe(each.strip.box);
  sizes.observe(find("rails"));

  const keys = {
    " ": toggle,
    ArrowLeft: () => go(now - 1),
    ArrowRight: () => go(now + 1),
    Home: () => go(0),
    End: () => go(last),
    1: () => show("tokens"),
    2: () => show("confidence"),
    3: () => show("order"),
    4: () => data.ghosts && show("proposals"),
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

  // In a frame it waits until somebody sees it.
  const seen = new IntersectionObserver((found) => {
    if (found.some((each) => each.isIntersecting)) play();
  });

  for (const id of ["controls", "choices", "keys"]) find(id).hidden = false;
  find("scrub").max = last;
  show(view);
  // Those who do not want things to move see the end, and may press play.
  if (address.follow()) pause();
  else if (matchMedia("(prefers-reduced-motion: reduce)").matches) now = last, draw(), pause(false);
  else seen.observe(document.querySelector(".canvas"));

  globalThis.hoshikage = { play, pause, go, show, text: () => players[0].text(), step: () => now };
})();
