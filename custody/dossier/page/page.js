// The page around the verifier: what is dropped is read, checked and told. Every text
// that comes out of a file goes through show(), which makes visible what hides.
'use strict';

(() => {
  const $ = (id) => document.getElementById(id);
  const formats = JSON.parse($('formats').textContent);
  const state = { file: null, bytes: null, verdict: null, run: 0 };

  // el makes an element with children: elements, or texts, which are shown as they are.
  function el(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes ?? {})) e.setAttribute(k, v);
    e.append(...children);
    return e;
  }

  // hides are characters that move the cursor, turn the direction of writing, or show
  // nothing. A line feed is one where lines are allowed.
  const hides = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f]/u;

  // show returns a text of a file, isolated, with what hides in it spelled out.
  function show(text, lines = false) {
    const out = el('bdi', lines ? { class: 'words' } : {});
    let plain = '';
    const flush = () => {
      if (plain) out.append(plain);
      plain = '';
    };
    for (const c of String(text)) {
      if (!hides.test(c) || (lines && c === '\n')) {
        plain += c;
        continue;
      }
      flush();
      out.append(el('span', { class: 'escaped' }, `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`));
    }
    flush();
    return out;
  }

  const groups = (hex) => el('span', { class: 'fingerprint' }, ...hex.match(/.{8}/g).map((g) => el('span', null, g)));
  const when = (t) => el('time', { datetime: t }, t.slice(0, 10) + ' ' + t.slice(11, 19) + ' UTC');
  const plural = (n, one, many) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
  const size = (n) => (n < 1024 ? plural(n, 'byte', 'bytes') : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KiB` : n < 1 << 30 ? `${(n / (1 << 20)).toFixed(1)} MiB` : `${(n / (1 << 30)).toFixed(2)} GiB`);
  const breath = () => new Promise((done) => setTimeout(done, 0));

  // pins reads what stands in the box, or tells why it cannot.
  function pins() {
    const box = $('pins-error');
    try {
      const p = comity.parsePins(comity.fromPaper($('pins').value));
      box.hidden = true;
      return p;
    } catch (err) {
      box.replaceChildren(show(`Fingerprints: ${err.message}`));
      box.hidden = false;
      return null;
    }
  }

  // check verifies the dossier that was given last. A later call ends an earlier one.
  async function check() {
    const run = ++state.run;
    const trusted = pins();
    $('result').hidden = true;
    if (!state.bytes || !trusted) return;
    $('busy').hidden = false;
    $('progress').value = 0;
    await breath();
    const steps = comity.run(state.bytes, trusted, formats);
    for (let until = performance.now() + 40; ; ) {
      const s = steps.next();
      if (s.done) {
        $('busy').hidden = true;
        return tell(s.value);
      }
      if (performance.now() < until) continue;
      $('progress').value = s.value;
      await breath();
      if (run !== state.run) return;
      until = performance.now() + 40;
    }
  }

  function tell(v) {
    state.verdict = v;
    const failed = v.result === 'failed';
    $('verdict').className = `verdict ${v.result}`;
    $('story').hidden = failed;
    $('exhibits-list').replaceChildren();
    verdict(v);
    checked(v);
    if (!failed) {
      origins(v);
      acts(v);
      packages(v);
    }
    $('result').hidden = false;
    $('verdict-title').focus();
  }

  const words = { passed: 'Core checks passed', 'in-part': 'Passed in part', unpinned: 'Origin not checked', failed: 'Failed' };

  function verdict(v) {
    $('verdict-word').textContent = words[v.result];
    const [title, text] = [$('verdict-title'), $('verdict-text')];
    if (v.result === 'passed') {
      title.textContent = 'The dossier is what it seems to be, as far as this page checks';
      text.replaceChildren(el('p', null, 'All signatures, directories, entries and the log hold, and lead to the three fingerprints that you gave. What this page leaves to the program ', el('code', null, 'comity-verify'), ' is listed below.'));
    } else if (v.result === 'unpinned') {
      title.textContent = 'The file agrees with itself; who made it is not checked';
      text.replaceChildren(
        el('p', null, 'Anybody can make such a file, with keys of their own and any names. It says something only once the fingerprints below are the ones that you have on paper: compare them, or put yours in above.'),
        el('p', null, `Missing: ${[...v.authorities, v.relay].filter((o) => !o.pinned).map((o) => o.name).join(', ')}.`),
      );
    } else if (v.result === 'in-part') {
      title.textContent = `What is shown holds; ${plural(v.gaps.length, 'entry is', 'entries are')} withheld`;
      text.replaceChildren(el('p', null, 'All that is shown leads to the three fingerprints that you gave. But what is withheld is in the log, and may change what the rest means: it may revoke a grant, recall or reject a package, or say anything else.'));
    } else {
      failure(v.failed, title, text);
    }
    if (v.result === 'unpinned' && v.gaps.length > 0) text.append(el('p', null, `${plural(v.gaps.length, 'entry of the record is', 'entries of the record are')} withheld, and may change what the rest means.`));
    if (v.documents) text.append(el('p', null, 'The file also holds documents for reading, such as a timeline. This page does not compare them with the rest: read this page instead.'));
  }

  function failure(f, title, text) {
    title.replaceChildren(f.later ? 'This page cannot check this file' : 'This is not a dossier that can be relied on');
    const p = [el('p', null, 'What failed: ', el('strong', null, show(f.check))), el('blockquote', null, show(f.why))];
    if (f.later) p.push(el('p', null, 'It may have been made by a newer version of Comity: check it with the page or the program of that version. It may as well be altered.'));
    p.push(el('p', null, el('strong', null, 'Nothing in this file is proved. Do not rely on any part of it.'), ' The check stops where it fails, and shows nothing of the rest.'));
    text.replaceChildren(...p);
  }

  const kinds = [
    ['form', (n) => 'The file has the one form of a dossier: no byte more, less or moved'],
    ['roots', (n) => 'The root keys of both authorities and of the relay have the fingerprints shown'],
    ['checkpoint', (n) => 'The relay signed the state of its log'],
    ['entries', (n) => `${plural(n, 'entry', 'entries')}: each follows the one before and is signed by who was listed for it then`],
    ['inclusion', (n) => `${plural(n, 'entry stands', 'entries stand')} in the log at the place shown`],
    ['directories', (n) => `${plural(n, 'list', 'lists')} of keys, each signed by enough of its registrars or root keys`],
    ['signatures', (n) => `${plural(n, 'signature', 'signatures')}, each in both halves (Ed25519 and ML-DSA-65)`],
    ['early', (n) => `The log continues ${plural(n, 'earlier checkpoint', 'earlier checkpoints')}`],
    ['gaps', (n) => 'In the place of what is withheld the log holds an entry of this record'],
    ['packages', (n) => 'The contents of the opened packages are what the sender signed'],
  ];

  function checked(v) {
    const list = $('checked');
    if (v.result !== 'failed') {
      list.replaceChildren(...kinds.filter(([id]) => v.counts[id]).map(([id, say]) => el('li', null, say(v.counts[id]))));
      $('last-check').textContent = `${plural(v.checks.length, 'check', 'checks')} in all.`;
      return;
    }
    list.replaceChildren(el('li', { class: 'no' }, show(v.failed.check)));
    $('last-check').textContent = v.checks.length === 0 ? 'It was the first check.' : `${plural(v.checks.length, 'check', 'checks')} before it passed, which proves nothing by itself.`;
  }

  function origins(v) {
    const one = (o, role) => el('div', { class: 'origin' },
      el('h3', null, show(o.name), ` \u2013 ${role} `, o.pinned ? el('span', { class: 'tag good' }, 'as on your paper') : el('span', { class: 'tag warn' }, 'not compared')),
      groups(o.fingerprint));
    $('origins').replaceChildren(one(v.authorities[0], 'the authority that the evidence is for'), one(v.authorities[1], 'the authority that holds it'), one(v.relay, 'the relay between them'));
  }

  function acts(v) {
    $('acts-note').textContent = `Request ${v.request}. The order is proved by the log; the hours are the relay\u2019s word.`;
    const gaps = v.gaps.map((g) => ({ index: g.index, item: el('li', { class: 'gap' }, el('span', null, 'not shown'), el('div', null, el('p', null, el('span', { class: 'tag warn' }, 'withheld'), ` entry ${g.seq} of the record is not in this file`),
      el('p', { class: 'by' }, show(g.reason === 'erased' ? `erased, as relay ${g.by} says in the record` : `left out; \u201c${g.by}\u201d is named as who did that, and nobody signed it`)))) }));
    const shown = v.acts.map((a) => {
      const by = a.event ? 'the word of the relay alone: nobody signed it' : `signed by ${a.signers.join(', ')}${a.via && !a.signers.includes(a.via) ? `; brought by ${a.via}, as the relay says` : ''}`;
      return el('li', null, when(a.time), el('div', null, el('p', null, show(a.says)), el('p', { class: 'by' }, show(by))));
    });
    $('acts').replaceChildren(...[...gaps, ...shown.map((item, i) => ({ index: v.acts[i].index, item }))].sort((a, b) => a.index - b.index).map((x) => x.item));
  }

  const standings = {
    confirmed: ['good', 'confirmed', 'A receipt of the recipient names exactly these contents.'],
    partial: ['warn', 'confirmed in part', 'Receipts name single files of it; the others are the sender\u2019s word alone.'],
    disputed: ['bad', 'disputed', 'A receipt names other contents than these: which are true is not shown.'],
    rejected: ['bad', 'rejected', 'A recipient rejected the package: that these were its contents is the sender\u2019s word alone.'],
    unconfirmed: ['warn', 'unconfirmed', 'No recipient said anything of it: these contents are the sender\u2019s word alone.'],
  };
  const tag = (standing) => el('span', { class: `tag ${standings[standing][0]}` }, standings[standing][1]);

  function packages(v) {
    const list = v.packages.map(packageCard);
    if (list.length === 0) list.push(el('p', null, 'None was sent, as far as this record goes.'));
    $('packages').replaceChildren(...list);
    const open = v.packages.filter((p) => p.opened).length;
    $('exhibits-note').textContent = open === 0
      ? 'This dossier was made without the lists of files, so no file can be found in it.'
      : `Give the files that you were shown. The page computes their SHA-256 and looks for it in the ${open === 1 ? 'list of the opened package' : `lists of the ${open} opened packages`}. The name of a file does not matter.${v.result === 'unpinned' ? ' Remember: the origin of this dossier is not checked.' : ''}${v.gaps.length > 0 ? ' Entries of the record are withheld, which may say otherwise.' : ''}`;
    $('exhibits-drop').hidden = open === 0;
  }

  function packageCard(p) {
    const rows = [['sent by', show(p.sender)], ['to', show(p.recipients.join(', '))], ['deposited', when(p.deposited)], ['size', `${size(p.size)}, encrypted`]];
    for (const t of p.taken) {
      const said = t.rejection ? `; rejected (${t.rejection.reason})` : t.receipts.some((r) => r.scope === 'whole') ? '; receipted' : t.receipts.length > 0 ? '; receipts for single files' : '; no receipt in this record';
      rows.push(['taken', el('span', null, when(t.time), show(` by ${t.by}${said}`))]);
    }
    if (p.recalled) rows.push(['recalled', el('span', null, when(p.recalled.time), show(` by ${p.recalled.by}: ${p.recalled.reason}`))]);
    if (p.supersedes) rows.push(['in place of', show(p.supersedes)]);
    const o = p.opened;
    if (o) {
      rows.push(['contents', el('span', null, `${plural(o.files, 'file', 'files')}, ${size(o.bytes)} `, tag(o.standing), ` ${standings[o.standing][2]}`)]);
      if (o.description) rows.push(['described as', show(o.description, true)]);
      if (o.examiner) rows.push(['examiner', show(o.examiner)]);
      if (o.handling.length > 0) rows.push(['handling', show(o.handling.join(', '))]);
    } else {
      rows.push(['contents', 'not in this dossier']);
    }
    return el('div', { class: 'package' }, el('h3', null, 'Package ', show(p.id)), el('dl', null, ...rows.flatMap(([k, v]) => [el('dt', null, k), el('dd', null, v)])));
  }

  // slice is how much of an exhibit is in memory at a time.
  const slice = 4 << 20;

  async function hash(file, progress) {
    const h = comity.hasher();
    for (let at = 0; at < file.size; at += slice) {
      h.update(new Uint8Array(await file.slice(at, at + slice).arrayBuffer()));
      progress(Math.min(file.size, at + slice));
    }
    return comity.hex(h.digest());
  }

  async function exhibits(files) {
    const v = state.verdict;
    const total = files.reduce((n, f) => n + f.size, 0) || 1;
    let done = 0;
    $('hashing').hidden = false;
    for (const f of files) {
      let item;
      try {
        const sum = await hash(f, (n) => ($('hash-progress').value = (done + n) / total));
        item = exhibit(f, sum, v.find(new Set([sum])).get(sum) ?? []);
      } catch (err) {
        item = el('li', null, el('p', null, el('strong', null, show(f.name)), ' ', el('span', { class: 'tag bad' }, 'could not be read')), el('p', { class: 'note' }, show(err.message)));
      }
      if (v !== state.verdict) return; // another dossier was given meanwhile
      done += f.size;
      $('exhibits-list').append(item);
    }
    $('hashing').hidden = true;
  }

  function exhibit(file, sum, places) {
    const held = places.some((p) => p.standing === 'confirmed');
    const mark = held ? el('span', { class: 'tag good' }, 'in the evidence') : places.length > 0 ? el('span', { class: 'tag warn' }, 'listed, not confirmed') : el('span', { class: 'tag bad' }, 'not found');
    const lines = places.map((p) => el('p', { class: 'note' }, 'as ', show(p.path), ' in package ', show(p.package), ` \u2013 ${standings[p.standing][1]}`, p.recalled ? '; this package was recalled' : ''));
    if (places.length === 0) lines.push(el('p', { class: 'note' }, 'No list in this dossier has a file with these bytes. One altered byte is enough for that.'));
    return el('li', null, el('p', null, el('strong', null, show(file.webkitRelativePath || file.name)), ' ', mark), ...lines, el('p', { class: 'sum note' }, `SHA-256 ${sum}`));
  }

  // given takes the dossier. A small text that reads like pins goes into their box.
  async function given(file) {
    if (!file) return;
    state.run++; // ends a check under way
    $('result').hidden = true;
    $('busy').hidden = true;
    try {
      if (file.size < 65536 && /^(#|root |relay )/.test(await file.text())) {
        $('pins').value = await file.text();
        return check();
      }
      state.bytes = new Uint8Array(await file.arrayBuffer());
    } catch (err) {
      state.bytes = null;
      return tell({ result: 'failed', failed: { check: 'reading the file', why: err.message, later: false }, checks: [] });
    }
    $('file-name').replaceChildren(show(file.name));
    $('file-name').hidden = false;
    return check();
  }

  function droppable(box, take) {
    box.addEventListener('dragover', (e) => {
      e.preventDefault();
      box.classList.add('over');
    });
    box.addEventListener('dragleave', () => box.classList.remove('over'));
    box.addEventListener('drop', (e) => {
      e.preventDefault();
      box.classList.remove('over');
      take([...e.dataTransfer.files]);
    });
  }

  // A file dropped beside a box must not replace the page.
  for (const type of ['dragover', 'drop']) window.addEventListener(type, (e) => e.preventDefault());
  droppable($('drop'), (files) => given(files[0]));
  droppable($('exhibits-drop'), exhibits);
  $('file').addEventListener('change', (e) => given(e.target.files[0]));
  for (const id of ['exhibits', 'exhibits-folder']) {
    $(id).addEventListener('change', (e) => {
      const files = [...e.target.files];
      e.target.value = ''; // the same files may be given again
      exhibits(files);
    });
  }
  $('pins').addEventListener('change', check);
  $('limits').replaceChildren(...comity.notChecked.map((x) => el('li', null, x.text)));
})();
